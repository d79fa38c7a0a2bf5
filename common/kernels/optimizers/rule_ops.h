// The rules of updates for the ops on variables: how many arrays each changes, and its attributes.
#ifndef MODELZOO_RULE_OPS_H_
#define MODELZOO_RULE_OPS_H_

#include "optimizers/rules.h"
#include "shared/op.h"

namespace modelzoo {

struct AdagradRule {
  static constexpr int kArrays = 2;  // the weights and the accumulator

  explicit AdagradRule(OpKernelConstruction*) {}

  void operator()(const float* gradient, float rate, int64_t count, float* const* at) const {
    Adagrad(gradient, rate, count, at[0], at[1]);
  }
};

struct AdamRule {
  static constexpr int kArrays = 3;  // the weights and both moments

  explicit AdamRule(OpKernelConstruction* context) {
    OP_REQUIRES_OK(context, context->GetAttr("beta1", &beta1));
    OP_REQUIRES_OK(context, context->GetAttr("beta2", &beta2));
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon));
  }

  void operator()(const float* gradient, float rate, int64_t count, float* const* at) const {
    Adam(gradient, rate, beta1, beta2, epsilon, count, at[0], at[1], at[2]);
  }

  float beta1, beta2, epsilon;
};

struct AverageRule {
  static constexpr int kArrays = 1;  // the averages

  explicit AverageRule(OpKernelConstruction*) {}

  void operator()(const float* value, float rate, int64_t count, float* const* at) const {
    MoveAverage(value, rate, count, at[0]);
  }
};

}  // namespace modelzoo

#endif  // MODELZOO_RULE_OPS_H_
