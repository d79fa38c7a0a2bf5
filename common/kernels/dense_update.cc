// Updates of all variables with dense gradients in one op: Adagrad's and Adam's.
#include <vector>

#include "op.h"
#include "parallel.h"
#include "rules.h"
#include "tensorflow/core/framework/common_shape_fns.h"

namespace modelzoo {
namespace {

constexpr int64 kWeights = 16384;  // weights of a task

REGISTER_OP("ZooAdagradDense")
    .Input("variable: Ref(N * float)")
    .Input("accumulator: Ref(N * float)")
    .Input("gradient: N * float")
    .Input("rate: float")
    .Attr("N: int >= 1")
    .SetShapeFn(tensorflow::shape_inference::NoOutputs)
    .Doc("accumulator += g^2, variable -= rate g / sqrt(accumulator).");

REGISTER_OP("ZooAdamDense")
    .Input("variable: Ref(N * float)")
    .Input("m: Ref(N * float)")
    .Input("v: Ref(N * float)")
    .Input("gradient: N * float")
    .Input("rate: float")
    .Attr("N: int >= 1")
    .Attr("beta1: float")
    .Attr("beta2: float")
    .Attr("epsilon: float")
    .SetShapeFn(tensorflow::shape_inference::NoOutputs)
    .Doc("m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, variable -= rate m / (sqrt(v) + epsilon).");

// An op whose inputs are N variables, S - 1 times N that are kept beside them, N gradients and the rate.
template <int S>
class DenseUpdate : public OpKernel {
 public:
  explicit DenseUpdate(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("N", &variables_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& rate = context->input((S + 1) * variables_);
    OP_REQUIRES_OK(context, CheckShape("rate", rate, TensorShape({})));
    std::vector<Piece> pieces;
    for (int i = 0; i < variables_; ++i) OP_REQUIRES_OK(context, Cut(context, i, &pieces));
    Parallel(context, pieces.size(), [&](int64 task) {
      const Piece& piece = pieces[task];
      Change(piece.gradient, rate.scalar<float>()(), piece.count, piece.at);
    });
  }

 protected:
  virtual void Change(const float* gradient, float rate, int64 count, float* const* at) const = 0;

 private:
  // Weights of one variable, what is kept of them, and their gradient.
  struct Piece {
    float* at[S];
    const float* gradient;
    int64 count;
  };

  Status Cut(OpKernelContext* context, int variable, std::vector<Piece>* pieces) const {
    const Tensor& gradient = context->input(S * variables_ + variable);
    float* data[S];
    for (int i = 0; i < S; ++i) {
      Tensor kept = context->mutable_input(i * variables_ + variable, false);
      TF_RETURN_IF_ERROR(CheckShape("a variable", kept, gradient.shape()));
      data[i] = kept.flat<float>().data();
    }
    for (int64 task = 0; task < Blocks(gradient.NumElements(), kWeights); ++task) {
      const Range range = Block(gradient.NumElements(), kWeights, task);
      Piece piece;
      for (int i = 0; i < S; ++i) piece.at[i] = data[i] + range.low;
      piece.gradient = gradient.flat<float>().data() + range.low;
      piece.count = range.size();
      pieces->push_back(piece);
    }
    return Status::OK();
  }

  int variables_;
};

class AdagradDense : public DenseUpdate<2> {
 public:
  using DenseUpdate<2>::DenseUpdate;

 protected:
  void Change(const float* gradient, float rate, int64 count, float* const* at) const override {
    Adagrad(gradient, rate, count, at[0], at[1]);
  }
};

class AdamDense : public DenseUpdate<3> {
 public:
  explicit AdamDense(OpKernelConstruction* context) : DenseUpdate<3>(context) {
    OP_REQUIRES_OK(context, context->GetAttr("beta1", &beta1_));
    OP_REQUIRES_OK(context, context->GetAttr("beta2", &beta2_));
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon_));
  }

 protected:
  void Change(const float* gradient, float rate, int64 count, float* const* at) const override {
    Adam(gradient, rate, beta1_, beta2_, epsilon_, count, at[0], at[1], at[2]);
  }

 private:
  float beta1_, beta2_, epsilon_;
};

REGISTER_KERNEL_BUILDER(Name("ZooAdagradDense").Device(tensorflow::DEVICE_CPU), AdagradDense);
REGISTER_KERNEL_BUILDER(Name("ZooAdamDense").Device(tensorflow::DEVICE_CPU), AdamDense);

}  // namespace
}  // namespace modelzoo
