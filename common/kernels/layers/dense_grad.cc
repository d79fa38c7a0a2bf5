// The gradients of several dense layers in one op.
#include <algorithm>
#include <cstring>
#include <vector>

#include "layers/dense.h"
#include "layers/shortened.h"
#include "shared/parallel.h"
#include "shared/vector.h"

namespace modelzoo {
namespace {

constexpr int64 kColumns = 128;  // inputs of a task that computes a kernel's gradient

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

inline float Value(float number) { return number; }
inline float Value(uint16_t shortened) {
  const uint32_t bits = static_cast<uint32_t>(shortened) << 16;
  float number;
  std::memcpy(&number, &bits, sizeof number);
  return number;
}

// g = dy, or 0 where y is 0; may be in place. sums += g.
template <typename T>
MODELZOO_INLINE void MaskAndSumOf(const float* dy, const T* RESTRICT y, int64 columns, float* g,
                                  float* RESTRICT sums) {
#pragma omp simd  // without it, a run-time check finds that g and dy overlap and takes the slow loop
  for (int64 i = 0; i < columns; ++i) {
    g[i] = Value(y[i]) <= 0.0f ? 0.0f : dy[i];
    sums[i] += g[i];
  }
}

MODELZOO_CLONES void MaskAndSum(const float* dy, const float* y, int64 columns, float* g, float* sums) {
  MaskAndSumOf(dy, y, columns, g, sums);
}

MODELZOO_CLONES void MaskAndSum(const float* dy, const uint16_t* y, int64 columns, float* g, float* sums) {
  MaskAndSumOf(dy, y, columns, g, sums);
}

class DenseGrad : public Layers {
 public:
  using Layers::Layers;

  void Compute(OpKernelContext* context) override {
    OpInputList x, kernel, y, dy;
    OP_REQUIRES_OK(context, context->input_list("x", &x));
    OP_REQUIRES_OK(context, context->input_list("kernel", &kernel));
    OP_REQUIRES_OK(context, context->input_list("y", &y));
    OP_REQUIRES_OK(context, context->input_list("dy", &dy));
    OP_REQUIRES(context, (x[0].dtype() == tensorflow::DT_BFLOAT16) == is_short(),
                InvalidArgument("T must be bfloat16 where the precision is, and there alone. Got: T ",
                                tensorflow::DataTypeString(x[0].dtype()), "."));
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
  // The gradients before the activations: their buffers, if they are not dy itself, and as inputs of products.
  struct Upstream {
    std::vector<Tensor> made;
    std::vector<Operand> operands;
  };

  // Floats overwrite dy if nothing else needs it.
  Status AllocateUpstream(OpKernelContext* context, const OpInputList& dy, Upstream* upstream) const {
    int start, stop;
    TF_RETURN_IF_ERROR(context->op_kernel().InputRange("dy", &start, &stop));
    upstream->made.resize(dy.size());
    for (int i = 0; i < dy.size(); ++i) {
      const int64 rows = dy[i].dim_size(0), width = dy[i].dim_size(1);
      Tensor& made = upstream->made[i];
      if (is_short()) {
        TF_RETURN_IF_ERROR(context->allocate_temp(tensorflow::DT_BFLOAT16, dy[i].shape(), &made));
        upstream->operands.emplace_back(Shortened(made), rows, width);
        continue;
      }
      if (relu_) {
        TF_RETURN_IF_ERROR(context->forward_input_or_allocate_temp({start + i}, tensorflow::DT_FLOAT, dy[i].shape(),
                                                                   tensorflow::AllocatorAttributes(), &made));
      }
      upstream->operands.emplace_back(precision_, (relu_ ? made : dy[i]).flat<float>().data(), rows, width);
    }
    return Status::OK();
  }

  // Fills them, and their sums over the rows, which are the gradients of the biases. Each block of rows is summed
  // alone, then the blocks in order, so results do not depend on the threads.
  void Mask(OpKernelContext* context, const OpInputList& y, const OpInputList& dy, Upstream* upstream,
            const std::vector<float*>& dbias) const {
    std::vector<Piece> pieces;
    for (int i = 0; i < dy.size(); ++i) AddPieces(i, dy[i].dim_size(0), kRows, &pieces);
    std::vector<std::vector<float>> sums(pieces.size());
    Parallel(context, pieces.size(), [&](int64 task) {
      const int i = pieces[task].index;
      const Range rows = pieces[task].range;
      sums[task].resize(dy[i].dim_size(1), 0.0f);
      if (is_short()) {
        MaskToShort(y, dy, i, rows, Shortened(&upstream->made[i]), &sums[task]);
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

  void MaskToShort(const OpInputList& y, const OpInputList& dy, int i, Range rows, uint16_t* made,
                std::vector<float>* sums) const {
    const int64 width = sums->size();
    std::vector<float> masked(relu_ ? width : 0);
    for (int64 row = rows.low; row < rows.high; ++row) {
      const float* from = dy[i].flat<float>().data() + row * width;
      if (relu_) {
        MaskAndSum(from, Shortened(y[i]) + row * width, width, masked.data(), sums->data());
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

REGISTER_KERNEL_BUILDER(Name("ZooDenseGrad").Device(tensorflow::DEVICE_CPU), DenseGrad);

}  // namespace
}  // namespace modelzoo
