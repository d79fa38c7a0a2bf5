// Updates of the rows of tables that a sparse gradient names, each once: Adagrad's and AdamAsync's.
#include <cmath>
#include <functional>

#include "op.h"
#include "parallel.h"
#include "vector.h"

namespace modelzoo {
namespace {

constexpr int64 kRows = 512;  // rows of a task
constexpr int64 kAhead = 8;   // rows between the one that is fetched from memory and the one that is changed

Status OutputIsInput(InferenceContext* c) {
  c->set_output(0, c->input(0));
  return Status::OK();
}

REGISTER_OP("ZooAdagradRows")
    .Input("table: Ref(float)")
    .Input("accumulator: Ref(float)")
    .Input("rate: float")
    .Input("row: int32")
    .Input("drow: float")
    .Output("out: Ref(float)")
    .SetShapeFn(OutputIsInput)
    .Doc("accumulator += g^2, table -= rate g / sqrt(accumulator) at distinct rows.");

REGISTER_OP("ZooAdamRows")
    .Input("table: Ref(float)")
    .Input("m: Ref(float)")
    .Input("v: Ref(float)")
    .Input("rate: float")
    .Input("row: int32")
    .Input("drow: float")
    .Output("out: Ref(float)")
    .Attr("beta1: float")
    .Attr("beta2: float")
    .Attr("epsilon: float")
    .SetShapeFn(OutputIsInput)
    .Doc("m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, table -= rate m / (sqrt(v) + epsilon) at distinct "
         "rows.");

MODELZOO_CLONES void Adagrad(const float* RESTRICT g, float rate, int64 count, float* RESTRICT w,
                             float* RESTRICT accumulator) {
  for (int64 i = 0; i < count; ++i) {
    accumulator[i] += g[i] * g[i];
    w[i] -= rate * g[i] / std::sqrt(accumulator[i]);
  }
}

MODELZOO_CLONES void Adam(const float* RESTRICT g, float rate, float beta1, float beta2, float epsilon, int64 count,
                          float* RESTRICT w, float* RESTRICT m, float* RESTRICT v) {
  for (int64 i = 0; i < count; ++i) {
    m[i] = beta1 * m[i] + (1.0f - beta1) * g[i];
    v[i] = beta2 * v[i] + (1.0f - beta2) * g[i] * g[i];
    w[i] -= rate * m[i] / (std::sqrt(v[i]) + epsilon);
  }
}

// An op whose first S inputs are a table and what is kept beside it, then the rate, the rows and their gradients.
template <int S>
class RowsUpdate : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    Tensor kept[S];
    for (int i = 0; i < S; ++i) {
      kept[i] = context->mutable_input(i, false);
      OP_REQUIRES(context, kept[i].IsInitialized() && kept[i].dims() == 2 && kept[i].shape() == kept[0].shape(),
                  InvalidArgument("a table and what is kept of it must be [V, D]. Got: ",
                                  kept[0].shape().DebugString(), " and ", kept[i].shape().DebugString(), "."));
    }
    const Tensor &rate = context->input(S), &row = context->input(S + 1), &drow = context->input(S + 2);
    OP_REQUIRES(context, rate.NumElements() == 1,
                InvalidArgument("rate must be a scalar. Got: ", rate.shape().DebugString(), "."));
    const int64 size = kept[0].dim_size(1), limit = kept[0].dim_size(0), count = row.NumElements();
    OP_REQUIRES(context, drow.dims() == 2 && drow.dim_size(0) == count && drow.dim_size(1) == size,
                InvalidArgument("drow must be [", count, ", ", size, "]. Got: ", drow.shape().DebugString(), "."));
    const int32* rows = row.flat<int32>().data();
    for (int64 i = 0; i < count; ++i) {
      OP_REQUIRES(context, rows[i] >= 0 && rows[i] < limit,
                  InvalidArgument("a row must be of 0 to ", limit - 1, ". Got: ", rows[i], "."));
    }
    float* data[S];
    for (int i = 0; i < S; ++i) data[i] = kept[i].template flat<float>().data();
    const float *gradients = drow.flat<float>().data(), scale = rate.flat<float>()(0);
    Parallel(context, Blocks(count, kRows), [&](int64 task) {
      const Range range = Block(count, kRows, task);
      for (int64 i = range.low; i < range.high; ++i) {
        const int64 ahead = rows[std::min(i + kAhead, range.high - 1)] * size;
        for (float* one : data) __builtin_prefetch(one + ahead, 1);
        float* at[S];
        for (int j = 0; j < S; ++j) at[j] = data[j] + rows[i] * size;
        Change(gradients + i * size, scale, size, at);
      }
    });
    context->forward_ref_input_to_ref_output(0, 0);
  }

 protected:
  virtual void Change(const float* gradient, float rate, int64 size, float* const* at) const = 0;
};

class AdagradRows : public RowsUpdate<2> {
 public:
  using RowsUpdate<2>::RowsUpdate;

 protected:
  void Change(const float* gradient, float rate, int64 size, float* const* at) const override {
    Adagrad(gradient, rate, size, at[0], at[1]);
  }
};

class AdamRows : public RowsUpdate<3> {
 public:
  explicit AdamRows(OpKernelConstruction* context) : RowsUpdate<3>(context) {
    OP_REQUIRES_OK(context, context->GetAttr("beta1", &beta1_));
    OP_REQUIRES_OK(context, context->GetAttr("beta2", &beta2_));
    OP_REQUIRES_OK(context, context->GetAttr("epsilon", &epsilon_));
  }

 protected:
  void Change(const float* gradient, float rate, int64 size, float* const* at) const override {
    Adam(gradient, rate, beta1_, beta2_, epsilon_, size, at[0], at[1], at[2]);
  }

 private:
  float beta1_, beta2_, epsilon_;
};

REGISTER_KERNEL_BUILDER(Name("ZooAdagradRows").Device(tensorflow::DEVICE_CPU), AdagradRows);
REGISTER_KERNEL_BUILDER(Name("ZooAdamRows").Device(tensorflow::DEVICE_CPU), AdamRows);

}  // namespace
}  // namespace modelzoo
