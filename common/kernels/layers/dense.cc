// Several dense layers: y_n = activation(x W_n + b_n) in one op.
#include <cmath>
#include <vector>

#include "layers/dense.h"
#include "layers/shortened.h"
#include "shared/parallel.h"
#include "shared/vector.h"

namespace modelzoo {
namespace {

REGISTER_OP("ZooDense")
    .Input("x: M * float")
    .Input("x_shortened: inputs_shortened * bfloat16")
    .Input("kernel: N * float")
    .Input("bias: N * float")
    .Output("y: N * float")
    .Output("y_shortened: outputs_shortened * bfloat16")
    .Output("kernel_shortened: kernels_shortened * bfloat16")
    .Attr("M: int >= 1")
    .Attr("N: int >= 1")
    .Attr("inputs_shortened: int >= 0")
    .Attr("outputs_shortened: int >= 0 = 0")
    .Attr("kernels_shortened: int >= 0 = 0")
    .Attr("input_of: list(int)")
    .Attr("relu: bool")
    .Attr("precision: {'float', 'rounded', 'bfloat16'} = 'float'")
    .SetShapeFn([](InferenceContext* c) {
      int m, n, inputs_shortened, outputs_shortened, kernels_shortened;
      std::vector<tensorflow::int32> input_of;
      TF_RETURN_IF_ERROR(c->GetAttr("M", &m));
      TF_RETURN_IF_ERROR(c->GetAttr("N", &n));
      TF_RETURN_IF_ERROR(c->GetAttr("inputs_shortened", &inputs_shortened));
      TF_RETURN_IF_ERROR(c->GetAttr("outputs_shortened", &outputs_shortened));
      TF_RETURN_IF_ERROR(c->GetAttr("kernels_shortened", &kernels_shortened));
      TF_RETURN_IF_ERROR(c->GetAttr("input_of", &input_of));
      const int kernels = m + inputs_shortened;
      for (int i = 0; i < n && i < static_cast<int>(input_of.size()); ++i) {
        if (input_of[i] < 0 || input_of[i] >= m) continue;  // reported by the kernel
        ShapeHandle x, kernel, bias;
        TF_RETURN_IF_ERROR(c->WithRank(c->input(input_of[i]), 2, &x));
        TF_RETURN_IF_ERROR(c->WithRank(c->input(kernels + i), 2, &kernel));
        TF_RETURN_IF_ERROR(c->WithRank(c->input(kernels + n + i), 1, &bias));
        tensorflow::shape_inference::DimensionHandle ignored;
        TF_RETURN_IF_ERROR(c->Merge(c->Dim(x, 1), c->Dim(kernel, 0), &ignored));
        TF_RETURN_IF_ERROR(c->Merge(c->Dim(bias, 0), c->Dim(kernel, 1), &ignored));
        c->set_output(i, c->Matrix(c->Dim(x, 0), c->Dim(kernel, 1)));
        if (i < outputs_shortened) c->set_output(n + i, c->Matrix(c->Dim(x, 0), c->Dim(kernel, 1)));
        if (i < kernels_shortened) c->set_output(n + outputs_shortened + i, kernel);
      }
      return Status::OK();
    })
    .Doc("N dense layers on M inputs: y[i] = activation(x[input_of[i]] kernel[i] + bias[i]). With precision bfloat16, "
         "x_shortened are the inputs as bfloat16, y_shortened the outputs where relu is, and kernel_shortened the "
         "kernels.");

MODELZOO_CLONES void AddBias(const float* RESTRICT bias, float floor, int64 columns, float* RESTRICT row) {
  for (int64 i = 0; i < columns; ++i) {
    const float value = row[i] + bias[i];
    row[i] = value < floor ? floor : value;  // NaN stays NaN
  }
}

class Dense : public Layers {
 public:
  using Layers::Layers;

  void Compute(OpKernelContext* context) override {
    OpInputList x, x_shortened, kernel, bias;
    OP_REQUIRES_OK(context, context->input_list("x", &x));
    OP_REQUIRES_OK(context, context->input_list("x_shortened", &x_shortened));
    OP_REQUIRES_OK(context, context->input_list("kernel", &kernel));
    OP_REQUIRES_OK(context, context->input_list("bias", &bias));
    OP_REQUIRES_OK(context, Check(x, kernel, bias, "bias", false));
    OP_REQUIRES_OK(context, CheckCount("x_shortened", x_shortened.size(), is_short() ? x.size() : 0));
    for (int i = 0; i < x_shortened.size(); ++i) {
      OP_REQUIRES_OK(context, CheckShape("x_shortened", x_shortened[i], x[i].shape()));
    }
    std::vector<TensorShape> shapes;
    for (int i = 0; i < kernel.size(); ++i) {
      shapes.push_back(TensorShape({x[input_of_[i]].dim_size(0), kernel[i].dim_size(1)}));
    }
    std::vector<float*> y;
    std::vector<uint16_t*> y_shortened;
    std::vector<Operand> kernels;
    OP_REQUIRES_OK(context, Allocate(context, "y", shapes, &y));
    OP_REQUIRES_OK(context, AllocateShortened(context, "y_shortened", shapes, &y_shortened));
    OP_REQUIRES_OK(context, PrepareKernels(context, kernel, &kernels));
    Products products(precision_);
    Multiply(context, Prepare(context, is_short() ? x_shortened : x), kernels, bias, y, y_shortened, &products);
    OP_REQUIRES_OK(context, products.status());
  }

 private:
  // Kernels in the precision of the products; in bfloat16 they are outputs too, for the gradient.
  Status PrepareKernels(OpKernelContext* context, const OpInputList& kernel, std::vector<Operand>* kernels) const {
    std::vector<uint16_t*> data;
    TF_RETURN_IF_ERROR(AllocateShortened(context, "kernel_shortened", ShapesOf(kernel), &data));
    TF_RETURN_IF_ERROR(CheckCount("kernel_shortened", data.size(), is_short() ? kernel.size() : 0));
    if (!is_short()) {
      *kernels = Prepare(context, kernel);
      return Status::OK();
    }
    ForRows(context, kernel, [&](int i, Range rows) {
      const int64 width = kernel[i].dim_size(1), first = rows.low * width;
      Shorten(kernel[i].flat<float>().data() + first, rows.size() * width, data[i] + first);
    });
    for (int i = 0; i < kernel.size(); ++i) {
      kernels->emplace_back(data[i], kernel[i].dim_size(0), kernel[i].dim_size(1));
    }
    return Status::OK();
  }

  void Multiply(OpKernelContext* context, const std::vector<Operand>& inputs, const std::vector<Operand>& kernels,
                const OpInputList& bias, const std::vector<float*>& y, const std::vector<uint16_t*>& y_shortened,
                Products* products) const {
    std::vector<Piece> pieces;
    for (size_t i = 0; i < kernels.size(); ++i) AddPieces(i, inputs[input_of_[i]].rows(), kRows, &pieces);
    const float floor = relu_ ? 0.0f : -INFINITY;
    Parallel(context, pieces.size(), [&](int64 task) {
      const int i = pieces[task].index;
      const Range rows = pieces[task].range;
      const Operand& weights = kernels[i];
      const int64 width = weights.columns();
      products->Multiply(rows.size(), width, weights.rows(),
                         inputs[input_of_[i]].matrix().From(precision_, rows.low, 0), weights.matrix(), false,
                         y[i] + rows.low * width, width);
      for (int64 row = rows.low; row < rows.high; ++row) {
        float* out = y[i] + row * width;
        AddBias(bias[i].flat<float>().data(), floor, width, out);
        if (!y_shortened.empty()) Shorten(out, width, y_shortened[i] + row * width);
      }
    });
  }
};

REGISTER_KERNEL_BUILDER(Name("ZooDense").Device(tensorflow::DEVICE_CPU), Dense);

}  // namespace
}  // namespace modelzoo
