// Dense layers side by side: y_n = activation(x W_n + b_n), forward and backward in one op each.
#include <algorithm>
#include <cmath>
#include <vector>

#include "gemm.h"
#include "op.h"
#include "parallel.h"
#include "vector.h"

namespace modelzoo {
namespace {

constexpr int64 kRows = 128;     // rows of a task: enough to fill a product, few enough to share out
constexpr int64 kColumns = 128;  // inputs of a task that computes a kernel's gradient

REGISTER_OP("ZooDense")
    .Input("x: M * float")
    .Input("kernel: N * float")
    .Input("bias: N * float")
    .Output("y: N * float")
    .Attr("M: int >= 1")
    .Attr("N: int >= 1")
    .Attr("input_of: list(int)")
    .Attr("relu: bool")
    .Attr("precision: {'float', 'rounded', 'bfloat16'} = 'float'")
    .SetShapeFn([](InferenceContext* c) {
      int m, n;
      std::vector<tensorflow::int32> input_of;
      TF_RETURN_IF_ERROR(c->GetAttr("M", &m));
      TF_RETURN_IF_ERROR(c->GetAttr("N", &n));
      TF_RETURN_IF_ERROR(c->GetAttr("input_of", &input_of));
      for (int i = 0; i < n && i < static_cast<int>(input_of.size()); ++i) {
        if (input_of[i] < 0 || input_of[i] >= m) continue;  // the kernel says so
        ShapeHandle x, kernel, bias;
        TF_RETURN_IF_ERROR(c->WithRank(c->input(input_of[i]), 2, &x));
        TF_RETURN_IF_ERROR(c->WithRank(c->input(m + i), 2, &kernel));
        TF_RETURN_IF_ERROR(c->WithRank(c->input(m + n + i), 1, &bias));
        tensorflow::shape_inference::DimensionHandle ignored;
        TF_RETURN_IF_ERROR(c->Merge(c->Dim(x, 1), c->Dim(kernel, 0), &ignored));
        TF_RETURN_IF_ERROR(c->Merge(c->Dim(bias, 0), c->Dim(kernel, 1), &ignored));
        c->set_output(i, c->Matrix(c->Dim(x, 0), c->Dim(kernel, 1)));
      }
      return Status::OK();
    })
    .Doc("N dense layers on M inputs: y[i] = activation(x[input_of[i]] kernel[i] + bias[i]).");

REGISTER_OP("ZooDenseGrad")
    .Input("x: M * float")
    .Input("kernel: N * float")
    .Input("y: N * float")
    .Input("dy: N * float")
    .Output("dx: M * float")
    .Output("dkernel: N * float")
    .Output("dbias: N * float")
    .Attr("M: int >= 1")
    .Attr("N: int >= 1")
    .Attr("input_of: list(int)")
    .Attr("relu: bool")
    .Attr("precision: {'float', 'rounded', 'bfloat16'} = 'float'")
    .SetShapeFn([](InferenceContext* c) {
      int m, n;
      TF_RETURN_IF_ERROR(c->GetAttr("M", &m));
      TF_RETURN_IF_ERROR(c->GetAttr("N", &n));
      for (int i = 0; i < m + n; ++i) c->set_output(i, c->input(i));
      for (int i = 0; i < n; ++i) {
        ShapeHandle kernel;
        TF_RETURN_IF_ERROR(c->WithRank(c->input(m + i), 2, &kernel));
        c->set_output(m + n + i, c->Vector(c->Dim(kernel, 1)));
      }
      return Status::OK();
    })
    .Doc("The gradients of ZooDense from those of its outputs.");

MODELZOO_CLONES void AddBias(const float* RESTRICT bias, float floor, int64 columns, float* RESTRICT row) {
  for (int64 i = 0; i < columns; ++i) {
    const float value = row[i] + bias[i];
    row[i] = value < floor ? floor : value;  // NaN stays NaN
  }
}

// g = dy but where y is 0; sums += g.
MODELZOO_CLONES void MaskAndSum(const float* RESTRICT dy, const float* RESTRICT y, int64 columns, float* RESTRICT g,
                                float* RESTRICT sums) {
  for (int64 i = 0; i < columns; ++i) {
    g[i] = y[i] <= 0.0f ? 0.0f : dy[i];
    sums[i] += g[i];
  }
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

  // Inputs or kernels in the precision of the products.
  std::vector<Operand> Prepare(OpKernelContext* context, const OpInputList& tensors) const {
    std::vector<Operand> operands;
    for (const Tensor& tensor : tensors) {
      operands.emplace_back(precision_, tensor.flat<float>().data(), tensor.dim_size(0), tensor.dim_size(1));
    }
    if (precision_ != Precision::kFloat) FillAll(context, &operands);
    return operands;
  }

  static void FillAll(OpKernelContext* context, std::vector<Operand>* operands) {
    int64 blocks = 0;
    for (const Operand& operand : *operands) blocks = std::max<int64>(blocks, Blocks(operand.rows(), kRows));
    Parallel(context, blocks * operands->size(), [&](int64 task) {
      Operand& operand = (*operands)[task / blocks];
      const Range rows = Block(operand.rows(), kRows, task % blocks);
      if (rows.size() > 0) operand.Fill(rows.low, rows.high);
    });
  }

  std::vector<int> input_of_;
  bool relu_;
  Precision precision_;
};

// A piece of work of a step: rows of layer or input `index`, or rows of its kernel.
struct Piece {
  int index;
  Range range;
};

class Dense : public Layers {
 public:
  using Layers::Layers;

  void Compute(OpKernelContext* context) override {
    OpInputList x, kernel, bias;
    OpOutputList y;
    OP_REQUIRES_OK(context, context->input_list("x", &x));
    OP_REQUIRES_OK(context, context->input_list("kernel", &kernel));
    OP_REQUIRES_OK(context, context->input_list("bias", &bias));
    OP_REQUIRES_OK(context, context->output_list("y", &y));
    OP_REQUIRES_OK(context, Check(x, kernel, bias, "bias", false));
    const std::vector<Operand> inputs = Prepare(context, x), kernels = Prepare(context, kernel);
    std::vector<float*> outputs;
    std::vector<Piece> pieces;
    for (int i = 0; i < kernel.size(); ++i) {
      const int64 rows = x[input_of_[i]].dim_size(0);
      Tensor* made = nullptr;
      OP_REQUIRES_OK(context, y.allocate(i, TensorShape({rows, kernel[i].dim_size(1)}), &made));
      outputs.push_back(made->flat<float>().data());
      for (int64 block = 0; block < Blocks(rows, kRows); ++block) pieces.push_back({i, Block(rows, kRows, block)});
    }
    const float floor = relu_ ? 0.0f : -INFINITY;
    Products products(precision_);
    Parallel(context, pieces.size(), [&](int64 task) {
      const int i = pieces[task].index;
      const Range rows = pieces[task].range;
      const Operand &input = inputs[input_of_[i]], &weights = kernels[i];
      const int64 width = weights.columns();
      float* out = outputs[i] + rows.low * width;
      products.Multiply(rows.size(), width, weights.rows(), input.matrix().From(precision_, rows.low, 0),
                        weights.matrix(), false, out, width);
      for (int64 row = 0; row < rows.size(); ++row) {
        AddBias(bias[i].flat<float>().data(), floor, width, out + row * width);
      }
    });
    OP_REQUIRES_OK(context, products.status());
  }
};

class DenseGrad : public Layers {
 public:
  using Layers::Layers;

  void Compute(OpKernelContext* context) override {
    OpInputList x, kernel, y, dy;
    OP_REQUIRES_OK(context, context->input_list("x", &x));
    OP_REQUIRES_OK(context, context->input_list("kernel", &kernel));
    OP_REQUIRES_OK(context, context->input_list("y", &y));
    OP_REQUIRES_OK(context, context->input_list("dy", &dy));
    OP_REQUIRES_OK(context, Check(x, kernel, y, "y", true));
    OP_REQUIRES_OK(context, Check(x, kernel, dy, "dy", true));
    std::vector<float*> dx, dkernel, dbias;
    OP_REQUIRES_OK(context, Allocate(context, "dx", ShapesOf(x), &dx));
    OP_REQUIRES_OK(context, Allocate(context, "dkernel", ShapesOf(kernel), &dkernel));
    std::vector<TensorShape> of_biases;
    for (const Tensor& one : kernel) of_biases.push_back(TensorShape({one.dim_size(1)}));
    OP_REQUIRES_OK(context, Allocate(context, "dbias", of_biases, &dbias));
    const std::vector<Operand> inputs = Prepare(context, x), kernels = Prepare(context, kernel);
    std::vector<Tensor> masked(kernel.size());
    std::vector<Operand> upstream;
    for (int i = 0; i < dy.size(); ++i) {
      if (relu_) {
        OP_REQUIRES_OK(context, context->allocate_temp(tensorflow::DT_FLOAT, dy[i].shape(), &masked[i]));
      }
      upstream.emplace_back(precision_, (relu_ ? masked[i] : dy[i]).flat<float>().data(), dy[i].dim_size(0),
                            dy[i].dim_size(1));
    }
    Mask(context, y, dy, &masked, &upstream, dbias);
    Products products(precision_);
    ComputeProducts(context, inputs, kernels, upstream, dx, dkernel, &products);
    OP_REQUIRES_OK(context, products.status());
  }

 private:
  // The gradients before the activations, and their sums over the rows, which are those of the biases: each block of
  // rows is summed by itself, then the blocks in their order.
  void Mask(OpKernelContext* context, const OpInputList& y, const OpInputList& dy, std::vector<Tensor>* masked,
            std::vector<Operand>* upstream, const std::vector<float*>& dbias) const {
    std::vector<Piece> pieces;
    std::vector<std::vector<float>> sums;
    for (int i = 0; i < dy.size(); ++i) {
      for (int64 block = 0; block < Blocks(dy[i].dim_size(0), kRows); ++block) {
        pieces.push_back({i, Block(dy[i].dim_size(0), kRows, block)});
        sums.emplace_back(dy[i].dim_size(1), 0.0f);
      }
    }
    Parallel(context, pieces.size(), [&](int64 task) {
      const int i = pieces[task].index;
      const int64 width = dy[i].dim_size(1);
      for (int64 row = pieces[task].range.low; row < pieces[task].range.high; ++row) {
        const float* from = dy[i].flat<float>().data() + row * width;
        if (relu_) {
          MaskAndSum(from, y[i].flat<float>().data() + row * width, width,
                     (*masked)[i].flat<float>().data() + row * width, sums[task].data());
        } else {
          Add(from, width, sums[task].data());
        }
      }
      (*upstream)[i].Fill(pieces[task].range.low, pieces[task].range.high);
    });
    for (int i = 0; i < dy.size(); ++i) std::fill_n(dbias[i], dy[i].dim_size(1), 0.0f);
    for (size_t task = 0; task < pieces.size(); ++task) {
      Add(sums[task].data(), sums[task].size(), dbias[pieces[task].index]);
    }
  }

  void ComputeProducts(OpKernelContext* context, const std::vector<Operand>& inputs,
                       const std::vector<Operand>& kernels, const std::vector<Operand>& upstream,
                       const std::vector<float*>& dx, const std::vector<float*>& dkernel, Products* products) const {
    std::vector<Piece> pieces;
    for (size_t i = 0; i < inputs.size(); ++i) {
      for (int64 block = 0; block < Blocks(inputs[i].rows(), kRows); ++block) {
        pieces.push_back({static_cast<int>(i), Block(inputs[i].rows(), kRows, block)});
      }
    }
    const int64 num_inputs = pieces.size();
    for (size_t i = 0; i < kernels.size(); ++i) {
      for (int64 block = 0; block < Blocks(kernels[i].rows(), kColumns); ++block) {
        pieces.push_back({static_cast<int>(i), Block(kernels[i].rows(), kColumns, block)});
      }
    }
    Parallel(context, pieces.size(), [&](int64 task) {
      const Piece& piece = pieces[task];
      if (task < num_inputs) {
        InputGradient(piece, inputs, kernels, upstream, dx[piece.index], products);
      } else {
        KernelGradient(piece, inputs, upstream, dkernel[piece.index], products);
      }
    });
  }

  // Rows of dx = sum over an input's layers of g W^T.
  void InputGradient(const Piece& piece, const std::vector<Operand>& inputs, const std::vector<Operand>& kernels,
                     const std::vector<Operand>& upstream, float* dx, Products* products) const {
    const int64 width = inputs[piece.index].columns();
    const Range rows = piece.range;
    float* out = dx + rows.low * width;
    bool add = false;
    for (size_t i = 0; i < kernels.size(); ++i) {
      if (input_of_[i] != piece.index) continue;
      products->Multiply(rows.size(), width, kernels[i].columns(),
                         upstream[i].matrix().From(precision_, rows.low, 0), kernels[i].matrix(true), add, out, width);
      add = true;
    }
    if (!add) std::fill(out, out + rows.size() * width, 0.0f);
  }

  // Rows of dW = x^T g.
  void KernelGradient(const Piece& piece, const std::vector<Operand>& inputs, const std::vector<Operand>& upstream,
                      float* dkernel, Products* products) const {
    const Operand &input = inputs[input_of_[piece.index]], &g = upstream[piece.index];
    products->Multiply(piece.range.size(), g.columns(), input.rows(),
                       input.matrix(true).From(precision_, 0, piece.range.low), g.matrix(), false,
                       dkernel + piece.range.low * g.columns(), g.columns());
  }
};

REGISTER_KERNEL_BUILDER(Name("ZooDense").Device(tensorflow::DEVICE_CPU), Dense);
REGISTER_KERNEL_BUILDER(Name("ZooDenseGrad").Device(tensorflow::DEVICE_CPU), DenseGrad);

}  // namespace
}  // namespace modelzoo
