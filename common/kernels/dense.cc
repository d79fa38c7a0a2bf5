// Dense layers side by side: y_n = activation(x W_n + b_n), forward and backward in one op each.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <vector>

#include "gemm.h"
#include "kept.h"
#include "op.h"
#include "parallel.h"
#include "vector.h"

namespace modelzoo {
namespace {

constexpr int64 kRows = 128;     // rows of a task: enough to fill a product, few enough to share out
constexpr int64 kColumns = 128;  // inputs of a task that computes a kernel's gradient
constexpr int64 kShortened = 32768;  // numbers of a task that shortens them

REGISTER_OP("ZooDense")
    .Input("x: M * float")
    .Input("x_kept: inputs_kept * bfloat16")
    .Input("kernel: N * float")
    .Input("bias: N * float")
    .Output("y: N * float")
    .Output("y_kept: outputs_kept * bfloat16")
    .Output("kernel_kept: kernels_kept * bfloat16")
    .Attr("M: int >= 1")
    .Attr("N: int >= 1")
    .Attr("inputs_kept: int >= 0")
    .Attr("outputs_kept: int >= 0 = 0")
    .Attr("kernels_kept: int >= 0 = 0")
    .Attr("input_of: list(int)")
    .Attr("relu: bool")
    .Attr("precision: {'float', 'rounded', 'bfloat16'} = 'float'")
    .SetShapeFn([](InferenceContext* c) {
      int m, n, inputs_kept, outputs_kept, kernels_kept;
      std::vector<tensorflow::int32> input_of;
      TF_RETURN_IF_ERROR(c->GetAttr("M", &m));
      TF_RETURN_IF_ERROR(c->GetAttr("N", &n));
      TF_RETURN_IF_ERROR(c->GetAttr("inputs_kept", &inputs_kept));
      TF_RETURN_IF_ERROR(c->GetAttr("outputs_kept", &outputs_kept));
      TF_RETURN_IF_ERROR(c->GetAttr("kernels_kept", &kernels_kept));
      TF_RETURN_IF_ERROR(c->GetAttr("input_of", &input_of));
      const int kernels = m + inputs_kept;
      for (int i = 0; i < n && i < static_cast<int>(input_of.size()); ++i) {
        if (input_of[i] < 0 || input_of[i] >= m) continue;  // the kernel says so
        ShapeHandle x, kernel, bias;
        TF_RETURN_IF_ERROR(c->WithRank(c->input(input_of[i]), 2, &x));
        TF_RETURN_IF_ERROR(c->WithRank(c->input(kernels + i), 2, &kernel));
        TF_RETURN_IF_ERROR(c->WithRank(c->input(kernels + n + i), 1, &bias));
        tensorflow::shape_inference::DimensionHandle ignored;
        TF_RETURN_IF_ERROR(c->Merge(c->Dim(x, 1), c->Dim(kernel, 0), &ignored));
        TF_RETURN_IF_ERROR(c->Merge(c->Dim(bias, 0), c->Dim(kernel, 1), &ignored));
        c->set_output(i, c->Matrix(c->Dim(x, 0), c->Dim(kernel, 1)));
        if (i < outputs_kept) c->set_output(n + i, c->Matrix(c->Dim(x, 0), c->Dim(kernel, 1)));
        if (i < kernels_kept) c->set_output(n + outputs_kept + i, kernel);
      }
      return Status::OK();
    })
    .Doc("N dense layers on M inputs: y[i] = activation(x[input_of[i]] kernel[i] + bias[i]). With precision bfloat16, "
         "x_kept are the inputs shortened, y_kept the outputs where outputs_kept is N, and kernel_kept the kernels.");

REGISTER_OP("ZooShorten")
    .Input("x: float")
    .Output("kept: bfloat16")
    .SetShapeFn([](InferenceContext* c) {
      c->set_output(0, c->input(0));
      return Status::OK();
    })
    .Doc("The nearest bfloat16 of each float.");

REGISTER_OP("ZooDenseGrad")
    .Input("x: M * T")
    .Input("kernel: N * T")
    .Input("y: outputs * T")
    .Input("dy: N * float")
    .Output("dx: M * float")
    .Output("dkernel: N * float")
    .Output("dbias: N * float")
    .Attr("T: {float, bfloat16}")
    .Attr("M: int >= 1")
    .Attr("N: int >= 1")
    .Attr("outputs: int >= 0")
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
    .Doc("The gradients of ZooDense from those of its outputs; y is asked for where relu is. T is bfloat16 where the "
         "precision is.");

MODELZOO_CLONES void AddBias(const float* RESTRICT bias, float floor, int64 columns, float* RESTRICT row) {
  for (int64 i = 0; i < columns; ++i) {
    const float value = row[i] + bias[i];
    row[i] = value < floor ? floor : value;  // NaN stays NaN
  }
}

// g = dy but where y is 0, which may be in place; sums += g.
MODELZOO_CLONES void MaskAndSum(const float* dy, const float* RESTRICT y, int64 columns, float* g,
                                float* RESTRICT sums) {
#pragma omp simd  // no run-time check, which would find g and dy to be one
  for (int64 i = 0; i < columns; ++i) {
    g[i] = y[i] <= 0.0f ? 0.0f : dy[i];
    sums[i] += g[i];
  }
}

// The same with a shortened y.
MODELZOO_CLONES void MaskKeptAndSum(const float* RESTRICT dy, const uint16_t* RESTRICT y, int64 columns,
                                    float* RESTRICT g, float* RESTRICT sums) {
  for (int64 i = 0; i < columns; ++i) {
    const uint32_t bits = static_cast<uint32_t>(y[i]) << 16;
    float value;
    std::memcpy(&value, &bits, sizeof value);
    g[i] = value <= 0.0f ? 0.0f : dy[i];
    sums[i] += g[i];
  }
}

// A piece of work of a step: rows of layer or input `index`, or rows of its kernel.
struct Piece {
  int index;
  Range range;
};

void AddPieces(int index, int64 rows, int64 size, std::vector<Piece>* pieces) {
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

  bool is_kept() const { return precision_ == Precision::kBfloat16; }

  // Inputs or kernels in the precision of the products; those of bfloat16 are there already.
  std::vector<Operand> Prepare(OpKernelContext* context, const OpInputList& tensors) const {
    std::vector<Operand> operands;
    for (const Tensor& tensor : tensors) {
      const int64 rows = tensor.dim_size(0), columns = tensor.dim_size(1);
      if (is_kept()) {
        operands.emplace_back(Kept(tensor), rows, columns);
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

class Dense : public Layers {
 public:
  using Layers::Layers;

  void Compute(OpKernelContext* context) override {
    OpInputList x, x_kept, kernel, bias;
    OP_REQUIRES_OK(context, context->input_list("x", &x));
    OP_REQUIRES_OK(context, context->input_list("x_kept", &x_kept));
    OP_REQUIRES_OK(context, context->input_list("kernel", &kernel));
    OP_REQUIRES_OK(context, context->input_list("bias", &bias));
    OP_REQUIRES_OK(context, Check(x, kernel, bias, "bias", false));
    OP_REQUIRES_OK(context, CheckCount("x_kept", x_kept.size(), is_kept() ? x.size() : 0));
    for (int i = 0; i < x_kept.size(); ++i) {
      OP_REQUIRES_OK(context, CheckShape("x_kept", x_kept[i], x[i].shape()));
    }
    std::vector<TensorShape> shapes;
    for (int i = 0; i < kernel.size(); ++i) {
      shapes.push_back(TensorShape({x[input_of_[i]].dim_size(0), kernel[i].dim_size(1)}));
    }
    std::vector<float*> y;
    std::vector<uint16_t*> y_kept;
    std::vector<Operand> kernels;
    OP_REQUIRES_OK(context, Allocate(context, "y", shapes, &y));
    OP_REQUIRES_OK(context, AllocateKept(context, "y_kept", shapes, &y_kept));
    OP_REQUIRES_OK(context, PrepareKernels(context, kernel, &kernels));
    Products products(precision_);
    Multiply(context, Prepare(context, is_kept() ? x_kept : x), kernels, bias, y, y_kept, &products);
    OP_REQUIRES_OK(context, products.status());
  }

 private:
  // Kernels in the precision of the products; those of bfloat16 are an output, for the gradient.
  Status PrepareKernels(OpKernelContext* context, const OpInputList& kernel, std::vector<Operand>* kernels) const {
    std::vector<uint16_t*> kept;
    TF_RETURN_IF_ERROR(AllocateKept(context, "kernel_kept", ShapesOf(kernel), &kept));
    TF_RETURN_IF_ERROR(CheckCount("kernel_kept", kept.size(), is_kept() ? kernel.size() : 0));
    if (!is_kept()) {
      *kernels = Prepare(context, kernel);
      return Status::OK();
    }
    ForRows(context, kernel, [&](int i, Range rows) {
      const int64 width = kernel[i].dim_size(1), first = rows.low * width;
      Shorten(kernel[i].flat<float>().data() + first, rows.size() * width, kept[i] + first);
    });
    for (int i = 0; i < kernel.size(); ++i) {
      kernels->emplace_back(kept[i], kernel[i].dim_size(0), kernel[i].dim_size(1));
    }
    return Status::OK();
  }

  void Multiply(OpKernelContext* context, const std::vector<Operand>& inputs, const std::vector<Operand>& kernels,
                const OpInputList& bias, const std::vector<float*>& y, const std::vector<uint16_t*>& y_kept,
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
        if (!y_kept.empty()) Shorten(out, width, y_kept[i] + row * width);
      }
    });
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
    OP_REQUIRES(context, (x[0].dtype() == tensorflow::DT_BFLOAT16) == is_kept(),
                InvalidArgument("T must be bfloat16 where the precision is, and there alone."));
    OP_REQUIRES_OK(context, CheckCount("y", y.size(), relu_ ? dy.size() : 0));
    if (relu_) OP_REQUIRES_OK(context, Check(x, kernel, y, "y", true));
    OP_REQUIRES_OK(context, Check(x, kernel, dy, "dy", true));
    std::vector<float*> dx, dkernel, dbias;
    OP_REQUIRES_OK(context, Allocate(context, "dx", ShapesOf(x), &dx));
    OP_REQUIRES_OK(context, Allocate(context, "dkernel", ShapesOf(kernel), &dkernel));
    std::vector<TensorShape> of_biases;
    for (const Tensor& one : kernel) of_biases.push_back(TensorShape({one.dim_size(1)}));
    OP_REQUIRES_OK(context, Allocate(context, "dbias", of_biases, &dbias));
    Upstream upstream;
    OP_REQUIRES_OK(context, AllocateUpstream(context, dy, &upstream));
    const std::vector<Operand> inputs = Prepare(context, x), kernels = Prepare(context, kernel);
    Mask(context, y, dy, &upstream, dbias);
    Products products(precision_);
    ComputeProducts(context, inputs, kernels, upstream.operands, dx, dkernel, &products);
    OP_REQUIRES_OK(context, products.status());
  }

 private:
  // The gradients before the activations: where they are made if they are not dy itself, and for the products.
  struct Upstream {
    std::vector<Tensor> made;
    std::vector<Operand> operands;
  };

  // Those of floats are made in place of dy where nothing else needs that.
  Status AllocateUpstream(OpKernelContext* context, const OpInputList& dy, Upstream* upstream) const {
    int start, stop;
    TF_RETURN_IF_ERROR(context->op_kernel().InputRange("dy", &start, &stop));
    upstream->made.resize(dy.size());
    for (int i = 0; i < dy.size(); ++i) {
      const int64 rows = dy[i].dim_size(0), width = dy[i].dim_size(1);
      Tensor& made = upstream->made[i];
      if (is_kept()) {
        TF_RETURN_IF_ERROR(context->allocate_temp(tensorflow::DT_BFLOAT16, dy[i].shape(), &made));
      } else if (relu_) {
        TF_RETURN_IF_ERROR(context->forward_input_or_allocate_temp({start + i}, tensorflow::DT_FLOAT, dy[i].shape(),
                                                                   tensorflow::AllocatorAttributes(), &made));
      }
      if (is_kept()) {
        upstream->operands.emplace_back(Kept(made), rows, width);
      } else {
        upstream->operands.emplace_back(precision_, (relu_ ? made : dy[i]).flat<float>().data(), rows, width);
      }
    }
    return Status::OK();
  }

  // Fills them, and their sums over the rows, which are the gradients of the biases: each block of rows is summed by
  // itself, then the blocks in their order.
  void Mask(OpKernelContext* context, const OpInputList& y, const OpInputList& dy, Upstream* upstream,
            const std::vector<float*>& dbias) const {
    std::vector<Piece> pieces;
    for (int i = 0; i < dy.size(); ++i) AddPieces(i, dy[i].dim_size(0), kRows, &pieces);
    std::vector<std::vector<float>> sums(pieces.size());
    Parallel(context, pieces.size(), [&](int64 task) {
      const int i = pieces[task].index;
      const Range rows = pieces[task].range;
      sums[task].resize(dy[i].dim_size(1), 0.0f);
      if (is_kept()) {
        MaskKept(y, dy, i, rows, Kept(&upstream->made[i]), &sums[task]);
      } else {
        MaskFloats(y, dy, i, rows, &upstream->made[i], &sums[task]);
        upstream->operands[i].Fill(rows.low, rows.high);
      }
    });
    for (int i = 0; i < dy.size(); ++i) std::fill_n(dbias[i], dy[i].dim_size(1), 0.0f);
    for (size_t task = 0; task < pieces.size(); ++task) {
      Add(sums[task].data(), sums[task].size(), dbias[pieces[task].index]);
    }
  }

  void MaskFloats(const OpInputList& y, const OpInputList& dy, int i, Range rows, Tensor* made,
                  std::vector<float>* sums) const {
    const int64 width = sums->size();
    for (int64 row = rows.low; row < rows.high; ++row) {
      const float* from = dy[i].flat<float>().data() + row * width;
      if (relu_) {
        MaskAndSum(from, y[i].flat<float>().data() + row * width, width, made->flat<float>().data() + row * width,
                   sums->data());
      } else {
        Add(from, width, sums->data());
      }
    }
  }

  void MaskKept(const OpInputList& y, const OpInputList& dy, int i, Range rows, uint16_t* made,
                std::vector<float>* sums) const {
    const int64 width = sums->size();
    std::vector<float> masked(relu_ ? width : 0);
    for (int64 row = rows.low; row < rows.high; ++row) {
      const float* from = dy[i].flat<float>().data() + row * width;
      if (relu_) {
        MaskKeptAndSum(from, Kept(y[i]) + row * width, width, masked.data(), sums->data());
      } else {
        Add(from, width, sums->data());
      }
      Shorten(relu_ ? masked.data() : from, width, made + row * width);
    }
  }

  void ComputeProducts(OpKernelContext* context, const std::vector<Operand>& inputs,
                       const std::vector<Operand>& kernels, const std::vector<Operand>& upstream,
                       const std::vector<float*>& dx, const std::vector<float*>& dkernel, Products* products) const {
    std::vector<Piece> pieces;
    for (size_t i = 0; i < inputs.size(); ++i) AddPieces(i, inputs[i].rows(), kRows, &pieces);
    const int64 num_inputs = pieces.size();
    for (size_t i = 0; i < kernels.size(); ++i) AddPieces(i, kernels[i].rows(), kColumns, &pieces);
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

// Floats as bfloat16, for inputs that no op has shortened.
class ShortenOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    Tensor* kept = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &kept));
    const int64 size = x.NumElements();
    Parallel(context, Blocks(size, kShortened), [&](int64 task) {
      const Range range = Block(size, kShortened, task);
      Shorten(x.flat<float>().data() + range.low, range.size(), Kept(kept) + range.low);
    });
  }
};

REGISTER_KERNEL_BUILDER(Name("ZooShorten").Device(tensorflow::DEVICE_CPU), ShortenOp);
REGISTER_KERNEL_BUILDER(Name("ZooDense").Device(tensorflow::DEVICE_CPU), Dense);
REGISTER_KERNEL_BUILDER(Name("ZooDenseGrad").Device(tensorflow::DEVICE_CPU), DenseGrad);

}  // namespace
}  // namespace modelzoo
