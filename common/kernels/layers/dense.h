// Shared by dense layers and their gradients: attributes, checks, and inputs in a Precision.
#ifndef MODELZOO_DENSE_H_
#define MODELZOO_DENSE_H_

#include <functional>
#include <string>
#include <vector>

#include "layers/gemm.h"
#include "layers/shortened.h"
#include "shared/op.h"
#include "shared/parallel.h"

namespace modelzoo {

constexpr int64 kRows = 128;  // rows of a task: enough to fill a product, few enough to share out

// A piece of work of a step: rows of layer or input `index`, or rows of its kernel.
struct Piece {
  int index;
  Range range;
};

inline void AddPieces(int index, int64 rows, int64 size, std::vector<Piece>* pieces) {
  for (int64 block = 0; block < Blocks(rows, size); ++block) pieces->push_back({index, Block(rows, size, block)});
}

// The attributes and the checks of both ops.
class Layers : public OpKernel {
 public:
  explicit Layers(OpKernelConstruction* context) : OpKernel(context) {
    std::string precision;
    int inputs, layers;
    OP_REQUIRES_OK(context, context->GetAttr("M", &inputs));
    OP_REQUIRES_OK(context, context->GetAttr("N", &layers));
    OP_REQUIRES_OK(context, context->GetAttr("input_of", &input_of_));
    OP_REQUIRES_OK(context, context->GetAttr("relu", &relu_));
    OP_REQUIRES_OK(context, context->GetAttr("precision", &precision));
    OP_REQUIRES_OK(context, ParsePrecision(precision, &precision_));
    OP_REQUIRES(context, static_cast<int>(input_of_.size()) == layers,
                InvalidArgument("input_of must name an input for each of ", layers, " layers. Got: ",
                                input_of_.size(), "."));
    for (int input : input_of_) {
      OP_REQUIRES(context, input >= 0 && input < inputs,
                  InvalidArgument("input_of must be of 0 to ", inputs - 1, ". Got: ", input, "."));
    }
  }

 protected:
  Status Check(const OpInputList& x, const OpInputList& kernel, const OpInputList& of_layer,
               const char* name, bool has_rows) const {
    for (const Tensor& in : x) {
      if (in.dims() != 2) return InvalidArgument("x must be [B, I]. Got: ", in.shape().DebugString(), ".");
    }
    for (int i = 0; i < kernel.size(); ++i) {
      const Tensor& in = x[input_of_[i]];
      TensorShape expected;
      if (kernel[i].dims() != 2 || in.dim_size(1) != kernel[i].dim_size(0)) {
        return InvalidArgument("x [B, I] and kernel [I, H] do not fit. Got: ", in.shape().DebugString(), " and ",
                               kernel[i].shape().DebugString(), ".");
      }
      if (has_rows) expected.AddDim(in.dim_size(0));
      expected.AddDim(kernel[i].dim_size(1));
      TF_RETURN_IF_ERROR(CheckShape(name, of_layer[i], expected));
    }
    return Status::OK();
  }

  bool is_short() const { return precision_ == Precision::kBfloat16; }

  // Inputs or kernels in the precision of the products; bfloat16 ones are used as they are.
  std::vector<Operand> Prepare(OpKernelContext* context, const OpInputList& tensors) const {
    std::vector<Operand> operands;
    for (const Tensor& tensor : tensors) {
      const int64 rows = tensor.dim_size(0), columns = tensor.dim_size(1);
      if (is_short()) {
        operands.emplace_back(Shortened(tensor), rows, columns);
      } else {
        operands.emplace_back(precision_, tensor.flat<float>().data(), rows, columns);
      }
    }
    if (precision_ == Precision::kRounded) {
      ForRows(context, tensors, [&](int i, Range rows) { operands[i].Fill(rows.low, rows.high); });
    }
    return operands;
  }

  // Calls work(i, rows) for all rows of all tensors, in blocks.
  static void ForRows(OpKernelContext* context, const OpInputList& tensors,
                      const std::function<void(int, Range)>& work) {
    std::vector<Piece> pieces;
    for (int i = 0; i < tensors.size(); ++i) AddPieces(i, tensors[i].dim_size(0), kRows, &pieces);
    Parallel(context, pieces.size(), [&](int64 task) { work(pieces[task].index, pieces[task].range); });
  }

  std::vector<int> input_of_;
  bool relu_;
  Precision precision_;
};

}  // namespace modelzoo

#endif  // MODELZOO_DENSE_H_
