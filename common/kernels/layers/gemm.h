// Products of matrices in the memory of the calling thread, computed by oneDNN in that thread alone.
#ifndef MODELZOO_GEMM_H_
#define MODELZOO_GEMM_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "tensorflow/core/framework/op_kernel.h"

namespace modelzoo {

// The inputs of a product: as they are, rounded to bfloat16 and multiplied in float32, or bfloat16.
enum class Precision { kFloat, kRounded, kBfloat16 };

tensorflow::Status ParsePrecision(const std::string& name, Precision* precision);

// Floats to the nearest bfloat16, ties to even; NaN stays NaN, and what is too small for a normal float may become 0,
// as it does in products of bfloat16.
void Shorten(const float* from, int64_t count, uint16_t* to);

// A matrix whose rows lie `stride` elements apart, read as it is or transposed; the elements are of a Precision.
struct Matrix {
  const void* data;
  int64_t stride;
  bool transposed = false;

  // The part of the matrix that begins at element (row, column) in memory.
  Matrix From(Precision precision, int64_t row, int64_t column) const;
};

// Products in one Precision; any number of threads may compute some at once.
class Products {
 public:
  explicit Products(Precision precision) : precision_(precision) {}

  // c [m, n] = a [m, k] b [k, n], or added to c where `add`; c has its own stride. Sums are in float32.
  void Multiply(int64_t m, int64_t n, int64_t k, const Matrix& a, const Matrix& b, bool add, float* c,
                int64_t c_stride);

  // Whether every product so far could be computed.
  tensorflow::Status status() const;

 private:
  const Precision precision_;
  std::atomic<bool> failed_{false};
};

// Copies of floats in a Precision; for kFloat the floats themselves. Or existing bfloat16.
class Operand {
 public:
  Operand() = default;
  // A copy may end with `padding` rows of zeros.
  Operand(Precision precision, const float* values, int64_t rows, int64_t columns, int64_t padding = 0);
  Operand(const uint16_t* shortened, int64_t rows, int64_t columns);

  // Fills rows low to before high; other threads may fill others.
  void Fill(int64_t low, int64_t high);
  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  Matrix matrix(bool transposed = false) const { return {data_, columns_, transposed}; }

 private:
  Precision precision_ = Precision::kFloat;
  const float* values_ = nullptr;
  int64_t rows_ = 0, columns_ = 0;
  std::unique_ptr<uint16_t[]> copy_;  // two per float where they are rounded
  const void* data_ = nullptr;
};

}  // namespace modelzoo

#endif  // MODELZOO_GEMM_H_
