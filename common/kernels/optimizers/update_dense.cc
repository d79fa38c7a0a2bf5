// Updates of many variables in one op: Adagrad's and Adam's with dense gradients, and moving averages.
#include <vector>

#include "optimizers/rule_ops.h"
#include "shared/op.h"
#include "shared/parallel.h"
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

REGISTER_OP("ZooMovingAverage")
    .Input("average: Ref(N * float)")
    .Input("value: N * float")
    .Input("rate: float")
    .Attr("N: int >= 1")
    .SetShapeFn(tensorflow::shape_inference::NoOutputs)
    .Doc("average -= rate (average - value).");

// An op whose inputs are N of each array of a rule, N gradients (values, for averages), and the rate.
template <class Rule>
class DenseUpdate : public OpKernel {
 public:
  explicit DenseUpdate(OpKernelConstruction* context) : OpKernel(context), rule_(context) {
    OP_REQUIRES_OK(context, context->GetAttr("N", &variables_));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor& rate = context->input((Rule::kArrays + 1) * variables_);
    OP_REQUIRES_OK(context, CheckShape("rate", rate, TensorShape({})));
    std::vector<Piece> pieces;
    for (int i = 0; i < variables_; ++i) OP_REQUIRES_OK(context, Cut(context, i, &pieces));
    Parallel(context, pieces.size(), [&](int64 task) {
      const Piece& piece = pieces[task];
      rule_(piece.gradient, rate.scalar<float>()(), piece.count, piece.at);
    });
  }

 private:
  // Some weights of one variable, their slots, and their gradient.
  struct Piece {
    float* at[Rule::kArrays];
    const float* gradient;
    int64 count;
  };

  Status Cut(OpKernelContext* context, int variable, std::vector<Piece>* pieces) const {
    const Tensor& gradient = context->input(Rule::kArrays * variables_ + variable);
    float* data[Rule::kArrays];
    for (int i = 0; i < Rule::kArrays; ++i) {
      Tensor kept = context->mutable_input(i * variables_ + variable, false);
      TF_RETURN_IF_ERROR(CheckShape("a variable", kept, gradient.shape()));
      data[i] = kept.flat<float>().data();
    }
    for (int64 task = 0; task < Blocks(gradient.NumElements(), kWeights); ++task) {
      const Range range = Block(gradient.NumElements(), kWeights, task);
      Piece piece;
      for (int i = 0; i < Rule::kArrays; ++i) piece.at[i] = data[i] + range.low;
      piece.gradient = gradient.flat<float>().data() + range.low;
      piece.count = range.size();
      pieces->push_back(piece);
    }
    return Status::OK();
  }

  const Rule rule_;
  int variables_;
};

REGISTER_KERNEL_BUILDER(Name("ZooAdagradDense").Device(tensorflow::DEVICE_CPU), DenseUpdate<AdagradRule>);
REGISTER_KERNEL_BUILDER(Name("ZooAdamDense").Device(tensorflow::DEVICE_CPU), DenseUpdate<AdamRule>);
REGISTER_KERNEL_BUILDER(Name("ZooMovingAverage").Device(tensorflow::DEVICE_CPU), DenseUpdate<AverageRule>);

}  // namespace
}  // namespace modelzoo
