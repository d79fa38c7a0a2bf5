#include "layers/gemm.h"

#include <dnnl.hpp>
#include <immintrin.h>
#include <omp.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <tuple>
#include <unordered_map>

#include "shared/vector.h"

namespace modelzoo {
namespace {

// Rounds to the nearest bfloat16, ties to even; NaN stays NaN, as in TensorFlow.
inline uint32_t Rounded(uint32_t bits) {
  const uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) & 0xffff0000u;
  return (bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc00000u : rounded;
}

MODELZOO_CLONES void Round(const uint32_t* RESTRICT from, int64_t count, uint32_t* RESTRICT to) {
  for (int64_t i = 0; i < count; ++i) to[i] = Rounded(from[i]);
}

MODELZOO_CLONES void ShortenAny(const uint32_t* RESTRICT from, int64_t count, uint16_t* RESTRICT to) {
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<uint16_t>(Rounded(from[i]) >> 16);
}

#if __GNUC__ >= 10
constexpr int64_t kAtOnce = 32;

// One instruction per kAtOnce floats; returns how many floats are left at the end.
__attribute__((target("avx512f,avx512bf16"))) int64_t ShortenAtOnce(const float* RESTRICT from, int64_t count,
                                                                    uint16_t* RESTRICT to) {
  for (; count >= kAtOnce; count -= kAtOnce, from += kAtOnce, to += kAtOnce) {
    const __m512bh shortened = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + kAtOnce / 2), _mm512_loadu_ps(from));
    std::memcpy(to, &shortened, sizeof shortened);
  }
  return count;
}
#endif

// A product of bfloat16 matrices of one shape, compiled by oneDNN.
struct Compiled {
  dnnl::matmul primitive;
  dnnl::memory a, b, c;
};

// One engine and stream per thread: oneDNN's streams and memory objects must not be used by two at once.
struct Engine {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int>, Compiled> compiled;
};

Compiled Compile(dnnl::engine* engine, int64_t m, int64_t n, int64_t k, const Matrix& a, const Matrix& b, bool add,
                 int64_t c_stride) {
  using dnnl::memory;
  auto describe = [](int64_t rows, int64_t columns, const Matrix& matrix) {
    const memory::dims strides = matrix.transposed ? memory::dims{1, matrix.stride} : memory::dims{matrix.stride, 1};
    return memory::desc({rows, columns}, memory::data_type::bf16, strides);
  };
  const memory::desc of_a = describe(m, k, a), of_b = describe(k, n, b);
  const memory::desc of_c({m, n}, memory::data_type::f32, memory::dims{c_stride, 1});
  dnnl::primitive_attr attributes;
  if (add) {
    dnnl::post_ops sum;
    sum.append_sum();
    attributes.set_post_ops(sum);
  }
  dnnl::matmul::primitive_desc description(*engine, of_a, of_b, of_c, attributes);
  return {dnnl::matmul(description), memory(of_a, *engine, nullptr), memory(of_b, *engine, nullptr),
          memory(of_c, *engine, nullptr)};
}

void MultiplyBfloat16(int64_t m, int64_t n, int64_t k, const Matrix& a, const Matrix& b, bool add, float* c,
                      int64_t c_stride) {
  static thread_local Engine engine;
  const auto key = std::make_tuple(m, n, k, a.stride, b.stride, c_stride,
                                   a.transposed + 2 * b.transposed + 4 * add);
  auto found = engine.compiled.find(key);
  if (found == engine.compiled.end()) {
    if (engine.compiled.size() > 4096) engine.compiled.clear();  // ragged rows give many shapes
    found = engine.compiled.emplace(key, Compile(&engine.engine, m, n, k, a, b, add, c_stride)).first;
  }
  Compiled& compiled = found->second;
  compiled.a.set_data_handle(const_cast<void*>(a.data));
  compiled.b.set_data_handle(const_cast<void*>(b.data));
  compiled.c.set_data_handle(c);
  compiled.primitive.execute(engine.stream, {{DNNL_ARG_SRC, compiled.a}, {DNNL_ARG_WEIGHTS, compiled.b},
                                             {DNNL_ARG_DST, compiled.c}});
}

}  // namespace

void Shorten(const float* from, int64_t count, uint16_t* to) {
  int64_t done = 0;
#if __GNUC__ >= 10
  static const bool at_once = __builtin_cpu_supports("avx512bf16");
  if (at_once) done = count - ShortenAtOnce(from, count, to);
#endif
  ShortenAny(reinterpret_cast<const uint32_t*>(from) + done, count - done, to + done);
}

tensorflow::Status ParsePrecision(const std::string& name, Precision* precision) {
  if (name == "float") {
    *precision = Precision::kFloat;
  } else if (name == "rounded") {
    *precision = Precision::kRounded;
  } else if (name == "bfloat16") {
    *precision = Precision::kBfloat16;
  } else {
    return tensorflow::errors::InvalidArgument("precision must be float, rounded or bfloat16. Got: ", name, ".");
  }
  return tensorflow::Status::OK();
}

Matrix Matrix::From(Precision precision, int64_t row, int64_t column) const {
  const int64_t size = precision == Precision::kBfloat16 ? 2 : 4;
  return {static_cast<const char*>(data) + size * (row * stride + column), stride, transposed};
}

void Products::Multiply(int64_t m, int64_t n, int64_t k, const Matrix& a, const Matrix& b, bool add, float* c,
                        int64_t c_stride) {
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (int64_t row = 0; row < m && !add; ++row) std::memset(c + row * c_stride, 0, n * sizeof(float));
    return;
  }
  omp_set_num_threads(1);  // of this thread
  if (precision_ == Precision::kBfloat16) {
    try {
      MultiplyBfloat16(m, n, k, a, b, add, c, c_stride);
    } catch (const dnnl::error&) {
      failed_ = true;
    }
    return;
  }
  const auto status = dnnl_sgemm(
      a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', m, n, k, 1.0f, static_cast<const float*>(a.data), a.stride,
      static_cast<const float*>(b.data), b.stride, add ? 1.0f : 0.0f, c, c_stride);
  if (status != dnnl_success) failed_ = true;
}

tensorflow::Status Products::status() const {
  if (!failed_) return tensorflow::Status::OK();
  return tensorflow::errors::Internal("oneDNN could not compute a product of matrices.");
}

Operand::Operand(Precision precision, const float* values, int64_t rows, int64_t columns, int64_t padding)
    : precision_(precision), values_(values), rows_(rows), columns_(columns), data_(values) {
  if (precision == Precision::kFloat) return;
  const int64_t parts = precision == Precision::kRounded ? 2 : 1, size = parts * rows * columns;
  copy_.reset(new uint16_t[size + parts * padding * columns]);
  std::fill_n(copy_.get() + size, parts * padding * columns, 0);
  data_ = copy_.get();
}

Operand::Operand(const uint16_t* shortened, int64_t rows, int64_t columns)
    : precision_(Precision::kBfloat16), rows_(rows), columns_(columns), data_(shortened) {}

void Operand::Fill(int64_t low, int64_t high) {
  if (!copy_) return;
  const int64_t first = low * columns_, count = (high - low) * columns_;
  const float* from = values_ + first;
  if (precision_ == Precision::kBfloat16) return Shorten(from, count, copy_.get() + first);
  Round(reinterpret_cast<const uint32_t*>(from), count, reinterpret_cast<uint32_t*>(copy_.get()) + first);
}

}  // namespace modelzoo
