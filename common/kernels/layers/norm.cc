// Batch normalisation by the batch's own statistics with an optional relu, for several inputs at once.
#include <cmath>
#include <vector>

#include "layers/gemm.h"
#include "layers/shortened.h"
#include "shared/op.h"
#include "shared/parallel.h"
#include "shared/vector.h"

namespace modelzoo {
namespace {

// Features of a task: many are read fastest, as they are adjacent in memory; few let more threads work.
constexpr int64 kMostColumns = 256, kLeastColumns = 64;

REGISTER_OP("ZooNorm")
    .Input("x: N * float")
    .Input("gamma: N * float")
    .Input("beta: N * float")
    .Output("y: N * float")
    .Output("mean: N * float")
    .Output("variance: N * float")
    .Output("y_shortened: outputs_shortened * bfloat16")
    .Attr("N: int >= 1")
    .Attr("outputs_shortened: int >= 0 = 0")
    .Attr("epsilon: float")
    .Attr("relu: bool")
    .SetShapeFn([](InferenceContext* c) {
      int n, shortened;
      TF_RETURN_IF_ERROR(c->GetAttr("N", &n));
      TF_RETURN_IF_ERROR(c->GetAttr("outputs_shortened", &shortened));
      for (int i = 0; i < n; ++i) {
        ShapeHandle x, gamma;
        TF_RETURN_IF_ERROR(c->WithRank(c->input(i), 2, &x));
        TF_RETURN_IF_ERROR(c->Merge(c->input(n + i), c->Vector(c->Dim(x, 1)), &gamma));
        TF_RETURN_IF_ERROR(c->Merge(gamma, c->input(2 * n + i), &gamma));
        c->set_output(i, x);
        c->set_output(n + i, gamma);
        c->set_output(2 * n + i, gamma);
        if (i < shortened) c->set_output(3 * n + i, x);
      }
      return Status::OK();
    })
    .Doc("y[i] = gamma[i] (x[i] - mean[i]) / sqrt(variance[i] + epsilon) + beta[i] over the rows, and relu of it; "
         "y_shortened is y shortened, where outputs_shortened is N.");

REGISTER_OP("ZooNormGrad")
    .Input("x: N * float")
    .Input("gamma: N * float")
    .Input("mean: N * float")
    .Input("variance: N * float")
    .Input("beta: N * float")
    .Input("dy: N * float")
    .Output("dx: N * float")
    .Output("dgamma: N * float")
    .Output("dbeta: N * float")
    .Attr("N: int >= 1")
    .Attr("epsilon: float")
    .Attr("relu: bool")
    .SetShapeFn([](InferenceContext* c) {
      int n;
      TF_RETURN_IF_ERROR(c->GetAttr("N", &n));
      for (int i = 0; i < n; ++i) {
        c->set_output(i, c->input(i));
        c->set_output(n + i, c->input(n + i));
        c->set_output(2 * n + i, c->input(n + i));
      }
      return Status::OK();
    })
    .Doc("The gradients of ZooNorm from those of y.");

MODELZOO_CLONES void AddSquares(const float* RESTRICT x, const float* RESTRICT mean, int64 count,
                                float* RESTRICT sums) {
  for (int64 i = 0; i < count; ++i) sums[i] += (x[i] - mean[i]) * (x[i] - mean[i]);
}

MODELZOO_CLONES void Transform(const float* RESTRICT x, const float* RESTRICT scale, const float* RESTRICT offset,
                               float floor, int64 count, float* RESTRICT y) {
  for (int64 i = 0; i < count; ++i) {
    const float value = x[i] * scale[i] + offset[i];
    y[i] = value < floor ? floor : value;  // NaN stays NaN
  }
}

// Adds g and g times the normalised x to the gradients of beta and gamma; g is dy where y is above it, else 0.
MODELZOO_CLONES void AddGradients(const float* RESTRICT x, const float* RESTRICT dy, const float* RESTRICT mean,
                                  const float* RESTRICT inverse, const float* RESTRICT scale,
                                  const float* RESTRICT offset, float threshold, int64 count, float* RESTRICT dgamma,
                                  float* RESTRICT dbeta) {
  for (int64 i = 0; i < count; ++i) {
    const float g = x[i] * scale[i] + offset[i] <= threshold ? 0.0f : dy[i];
    dbeta[i] += g;
    dgamma[i] += g * (x[i] - mean[i]) * inverse[i];
  }
}

// dx may be dy.
MODELZOO_CLONES void InputGradient(const float* RESTRICT x, const float* dy, const float* RESTRICT mean,
                                   const float* RESTRICT inverse, const float* RESTRICT scale,
                                   const float* RESTRICT offset, const float* RESTRICT dgamma,
                                   const float* RESTRICT dbeta, float per_row, float threshold, int64 count,
                                   float* dx) {
#pragma omp simd  // without it, a run-time check finds that dx and dy overlap and takes the slow loop
  for (int64 i = 0; i < count; ++i) {
    const float g = x[i] * scale[i] + offset[i] <= threshold ? 0.0f : dy[i];
    const float normal = (x[i] - mean[i]) * inverse[i];
    dx[i] = scale[i] * (g - (dbeta[i] + normal * dgamma[i]) * per_row);
  }
}

// Some features of input `index`.
struct Piece {
  int index;
  Range columns;
};

class Norms : public OpKernel {
 public:
  explicit Norms(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon_));
    OP_REQUIRES_OK(context, context->GetAttr("relu", &relu_));
    OP_REQUIRES(context, epsilon_ >= 0.0f, InvalidArgument("epsilon must be >= 0. Got: ", epsilon_, "."));
  }

 protected:
  static Status CheckMatrix(const Tensor& x) {
    if (x.dims() == 2) return Status::OK();
    return InvalidArgument("x must be [B, H]. Got: ", x.shape().DebugString(), ".");
  }

  static std::vector<Piece> Pieces(OpKernelContext* context, const OpInputList& x) {
    const size_t enough = 2 * context->device()->tensorflow_cpu_worker_threads()->num_threads;
    int64 columns = kMostColumns;
    std::vector<Piece> pieces = PiecesOf(x, columns);
    while (pieces.size() < enough && columns > kLeastColumns) pieces = PiecesOf(x, columns /= 2);
    return pieces;
  }

  static std::vector<Piece> PiecesOf(const OpInputList& x, int64 columns) {
    std::vector<Piece> pieces;
    for (int i = 0; i < x.size(); ++i) {
      for (int64 block = 0; block < Blocks(x[i].dim_size(1), columns); ++block) {
        pieces.push_back({i, Block(x[i].dim_size(1), columns, block)});
      }
    }
    return pieces;
  }

  // The numbers of some features.
  struct Statistics {
    const float *gamma, *beta, *mean, *variance;
  };

  // y = scale x + offset, before the relu.
  void SetAffine(const Statistics& given, int64 count, float* scale, float* offset) const {
    for (int64 i = 0; i < count; ++i) {
      scale[i] = given.gamma[i] / std::sqrt(given.variance[i] + epsilon_);
      offset[i] = given.beta[i] - given.mean[i] * scale[i];
    }
  }

  float epsilon_;
  bool relu_;
};

class Norm : public Norms {
 public:
  using Norms::Norms;

  void Compute(OpKernelContext* context) override {
    OpInputList x, gamma, beta;
    OP_REQUIRES_OK(context, context->input_list("x", &x));
    OP_REQUIRES_OK(context, context->input_list("gamma", &gamma));
    OP_REQUIRES_OK(context, context->input_list("beta", &beta));
    for (int i = 0; i < x.size(); ++i) {
      OP_REQUIRES_OK(context, CheckMatrix(x[i]));
      OP_REQUIRES_OK(context, CheckShape("gamma", gamma[i], TensorShape({x[i].dim_size(1)})));
      OP_REQUIRES_OK(context, CheckShape("beta", beta[i], TensorShape({x[i].dim_size(1)})));
    }
    std::vector<float*> y, mean, variance;
    OP_REQUIRES_OK(context, Allocate(context, "y", ShapesOf(x), &y));
    OP_REQUIRES_OK(context, Allocate(context, "mean", ShapesOf(gamma), &mean));
    OP_REQUIRES_OK(context, Allocate(context, "variance", ShapesOf(gamma), &variance));
    std::vector<uint16_t*> y_shortened;
    OP_REQUIRES_OK(context, AllocateShortened(context, "y_shortened", ShapesOf(x), &y_shortened));
    const std::vector<Piece> pieces = Pieces(context, x);
    Parallel(context, pieces.size(), [&](int64 task) {
      const int i = pieces[task].index;
      const int64 low = pieces[task].columns.low;
      float scale[kMostColumns], offset[kMostColumns];
      const Statistics found = {gamma[i].flat<float>().data() + low, beta[i].flat<float>().data() + low,
                                mean[i] + low, variance[i] + low};
      Measure(x[i], pieces[task].columns, mean[i] + low, variance[i] + low);
      SetAffine(found, pieces[task].columns.size(), scale, offset);
      TransformAll(x[i], scale, offset, pieces[task].columns, y[i], y_shortened.empty() ? nullptr : y_shortened[i]);
    });
  }

 private:
  static void Measure(const Tensor& x, Range columns, float* mean, float* variance) {
    const int64 rows = x.dim_size(0), width = x.dim_size(1), count = columns.size();
    const float* from = x.flat<float>().data() + columns.low;
    std::fill(mean, mean + count, 0.0f);
    std::fill(variance, variance + count, 0.0f);
    for (int64 row = 0; row < rows; ++row) Add(from + row * width, count, mean);
    for (int64 i = 0; i < count; ++i) mean[i] /= rows;
    for (int64 row = 0; row < rows; ++row) AddSquares(from + row * width, mean, count, variance);
    for (int64 i = 0; i < count; ++i) variance[i] /= rows;
  }

  void TransformAll(const Tensor& x, const float* scale, const float* offset, Range columns, float* y,
                    uint16_t* y_shortened) const {
    const float* from = x.flat<float>().data();
    for (int64 at = columns.low; at < x.NumElements(); at += x.dim_size(1)) {
      Transform(from + at, scale, offset, relu_ ? 0.0f : -INFINITY, columns.size(), y + at);
      if (y_shortened) Shorten(y + at, columns.size(), y_shortened + at);
    }
  }
};

class NormGrad : public Norms {
 public:
  using Norms::Norms;

  void Compute(OpKernelContext* context) override {
    OpInputList x, gamma, mean, variance, beta, dy;
    OP_REQUIRES_OK(context, context->input_list("x", &x));
    OP_REQUIRES_OK(context, context->input_list("gamma", &gamma));
    OP_REQUIRES_OK(context, context->input_list("mean", &mean));
    OP_REQUIRES_OK(context, context->input_list("variance", &variance));
    OP_REQUIRES_OK(context, context->input_list("beta", &beta));
    OP_REQUIRES_OK(context, context->input_list("dy", &dy));
    for (int i = 0; i < x.size(); ++i) {
      OP_REQUIRES_OK(context, CheckMatrix(x[i]));
      const TensorShape vector({x[i].dim_size(1)});
      OP_REQUIRES_OK(context, CheckShape("gamma", gamma[i], vector));
      OP_REQUIRES_OK(context, CheckShape("mean", mean[i], vector));
      OP_REQUIRES_OK(context, CheckShape("variance", variance[i], vector));
      OP_REQUIRES_OK(context, CheckShape("beta", beta[i], vector));
      OP_REQUIRES_OK(context, CheckShape("dy", dy[i], x[i].shape()));
    }
    std::vector<float*> dx, dgamma, dbeta;
    OP_REQUIRES_OK(context, AllocateInPlace(context, x.size(), &dx));
    OP_REQUIRES_OK(context, Allocate(context, "dgamma", ShapesOf(gamma), &dgamma));
    OP_REQUIRES_OK(context, Allocate(context, "dbeta", ShapesOf(gamma), &dbeta));
    const std::vector<Piece> pieces = Pieces(context, x);
    Parallel(context, pieces.size(), [&](int64 task) {
      const int i = pieces[task].index;
      const int64 low = pieces[task].columns.low;
      const Statistics given = {gamma[i].flat<float>().data() + low, beta[i].flat<float>().data() + low,
                                mean[i].flat<float>().data() + low, variance[i].flat<float>().data() + low};
      Differentiate(x[i], given, dy[i].flat<float>().data() + low, pieces[task].columns, dx[i] + low, dgamma[i] + low,
                    dbeta[i] + low);
    });
  }

 private:
  // dx overwrites dy if nothing else needs it.
  static Status AllocateInPlace(OpKernelContext* context, int count, std::vector<float*>* dx) {
    int start, stop;
    TF_RETURN_IF_ERROR(context->op_kernel().InputRange("dy", &start, &stop));
    for (int i = 0; i < count; ++i) {
      Tensor* made = nullptr;
      TF_RETURN_IF_ERROR(
          context->forward_input_or_allocate_output({start + i}, i, context->input(start + i).shape(), &made));
      dx->push_back(made->flat<float>().data());
    }
    return Status::OK();
  }

  void Differentiate(const Tensor& x, const Statistics& given, const float* dy, Range columns, float* dx,
                     float* dgamma, float* dbeta) const {
    const int64 width = x.dim_size(1), end = x.NumElements(), count = columns.size();
    const float* from = x.flat<float>().data() + columns.low;
    const float threshold = relu_ ? 0.0f : -INFINITY;  // dy passes where y is above it
    float inverse[kMostColumns], scale[kMostColumns], offset[kMostColumns];
    for (int64 i = 0; i < count; ++i) inverse[i] = 1.0f / std::sqrt(given.variance[i] + epsilon_);
    SetAffine(given, count, scale, offset);
    std::fill(dgamma, dgamma + count, 0.0f);
    std::fill(dbeta, dbeta + count, 0.0f);
    for (int64 at = 0; at < end; at += width) {
      AddGradients(from + at, dy + at, given.mean, inverse, scale, offset, threshold, count, dgamma, dbeta);
    }
    for (int64 at = 0; at < end; at += width) {
      InputGradient(from + at, dy + at, given.mean, inverse, scale, offset, dgamma, dbeta, 1.0f / x.dim_size(0),
                    threshold, count, dx + at);
    }
  }
};

REGISTER_KERNEL_BUILDER(Name("ZooNorm").Device(tensorflow::DEVICE_CPU), Norm);
REGISTER_KERNEL_BUILDER(Name("ZooNormGrad").Device(tensorflow::DEVICE_CPU), NormGrad);

}  // namespace
}  // namespace modelzoo
