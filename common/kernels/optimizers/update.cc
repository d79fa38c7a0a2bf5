// Updates of tables by a sparse gradient that names each row once. Adagrad, AdagradDecay and AdamAsync change these
// rows; Adam changes all rows. AdagradDecay also takes dense gradients.
#include <cmath>
#include <functional>
#include <vector>

#include "optimizers/rule_ops.h"
#include "shared/op.h"
#include "shared/parallel.h"
#include "shared/vector.h"

namespace modelzoo {
namespace {

constexpr int64 kRows = 512;  // rows of a task
constexpr int64 kAhead = 8;   // how many rows ahead of the one being changed are prefetched

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

REGISTER_OP("ZooAdam")
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
    .Attr("all_rows: bool")
    .SetShapeFn(OutputIsInput)
    .Doc("m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, table -= rate m / (sqrt(v) + epsilon) at "
         "distinct rows, or at all rows, with a g of 0 at those that are not named.");

REGISTER_OP("ZooAdagradDecay")
    .Input("variable: Ref(float)")
    .Input("accumulator: Ref(float)")
    .Input("power: Ref(int64)")
    .Input("rate: float")
    .Input("periods: int64")
    .Input("row: int32")
    .Input("gradient: float")
    .Output("out: Ref(float)")
    .Attr("initial: float")
    .Attr("discount: float")
    .Attr("all_rows: bool")
    .SetShapeFn(OutputIsInput)
    .Doc("accumulator = max(discount accumulator, initial), power += 1 where periods > power; then accumulator += g^2, "
         "variable -= rate g / sqrt(accumulator), at distinct rows or, without any, at all.");

MODELZOO_CLONES void Decay(float beta1, float beta2, int64 count, float* RESTRICT m, float* RESTRICT v) {
  for (int64 i = 0; i < count; ++i) m[i] *= beta1;
  for (int64 i = 0; i < count; ++i) v[i] *= beta2;
}

MODELZOO_CLONES void AddMoments(const float* RESTRICT g, float beta1, float beta2, int64 count, float* RESTRICT m,
                                float* RESTRICT v) {
  for (int64 i = 0; i < count; ++i) m[i] += (1.0f - beta1) * g[i];
  for (int64 i = 0; i < count; ++i) v[i] += (1.0f - beta2) * g[i] * g[i];
}

MODELZOO_CLONES void Move(const float* RESTRICT m, const float* RESTRICT v, float rate, float epsilon, int64 count,
                          float* RESTRICT w) {
  for (int64 i = 0; i < count; ++i) w[i] -= rate * m[i] / (std::sqrt(v[i]) + epsilon);
}

Status CheckRows(const Tensor& row, int64 limit) {
  const auto rows = row.flat<int32>();
  for (int64 i = 0; i < rows.size(); ++i) {
    if (rows(i) < 0 || rows(i) >= limit) {
      return InvalidArgument("a row must be of 0 to ", limit - 1, ". Got: ", rows(i), ".");
    }
  }
  return Status::OK();
}

// The gradient of one step: rows of the tables, each once, and their gradients [count, size].
struct Step {
  const int32* rows;
  const float* gradients;
  int64 count, size, limit;  // limit: the tables' rows
  float rate;
};

// An op whose inputs are a table and its slots, S in all, then the rate, the rows and their gradients.
template <int S>
class Update : public OpKernel {
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
    OP_REQUIRES_OK(context, CheckRows(row, limit));
    float* data[S];
    for (int i = 0; i < S; ++i) data[i] = kept[i].template flat<float>().data();
    const int32* rows = row.flat<int32>().data();
    Run(context, {rows, drow.flat<float>().data(), count, size, limit, rate.flat<float>()(0)}, data);
    context->forward_ref_input_to_ref_output(0, 0);
  }

 protected:
  virtual void Run(OpKernelContext* context, const Step& step, float* const* data) const = 0;
};

// Changes the rows that have gradients.
template <class Rule>
class RowsUpdate : public Update<Rule::kArrays> {
 public:
  explicit RowsUpdate(OpKernelConstruction* context) : Update<Rule::kArrays>(context), rule_(context) {}

 protected:
  void Run(OpKernelContext* context, const Step& step, float* const* data) const override {
    Parallel(context, Blocks(step.count, kRows), [&](int64 task) {
      const Range range = Block(step.count, kRows, task);
      for (int64 i = range.low; i < range.high; ++i) {
        const int64 ahead = step.rows[std::min(i + kAhead, range.high - 1)] * step.size;
        float* at[Rule::kArrays];
        for (int j = 0; j < Rule::kArrays; ++j) {
          __builtin_prefetch(data[j] + ahead, 1);
          at[j] = data[j] + step.rows[i] * step.size;
        }
        rule_(step.gradients + i * step.size, step.rate, step.size, at);
      }
    });
  }

  const Rule rule_;
};

class AdamTable : public RowsUpdate<AdamRule> {
 public:
  explicit AdamTable(OpKernelConstruction* context) : RowsUpdate<AdamRule>(context) {
    OP_REQUIRES_OK(context, context->GetAttr("all_rows", &all_rows_));
  }

 protected:
  void Run(OpKernelContext* context, const Step& step, float* const* data) const override {
    all_rows_ ? ChangeAll(context, step, data) : RowsUpdate<AdamRule>::Run(context, step, data);
  }

 private:
  // Changes all rows, block by block while a block is in the cache.
  void ChangeAll(OpKernelContext* context, const Step& step, float* const* data) const {
    std::vector<int32> starts, order;
    Sort(step, &starts, &order);
    float *w = data[0], *m = data[1], *v = data[2];
    Parallel(context, Blocks(step.limit, kRows), [&](int64 task) {
      const Range range = Block(step.limit, kRows, task);
      const int64 low = range.low * step.size, count = range.size() * step.size;
      Decay(rule_.beta1, rule_.beta2, count, m + low, v + low);
      for (int32 i = starts[task]; i < starts[task + 1]; ++i) {
        const int64 at = step.rows[order[i]] * step.size;
        AddMoments(step.gradients + order[i] * step.size, rule_.beta1, rule_.beta2, step.size, m + at, v + at);
      }
      Move(m + low, v + low, step.rate, rule_.epsilon, count, w + low);
    });
  }

  // The gradients in the order of the blocks of rows, and where each block's start.
  static void Sort(const Step& step, std::vector<int32>* starts, std::vector<int32>* order) {
    starts->assign(Blocks(step.limit, kRows) + 1, 0);
    for (int64 i = 0; i < step.count; ++i) ++(*starts)[step.rows[i] / kRows + 1];
    for (size_t block = 1; block < starts->size(); ++block) (*starts)[block] += (*starts)[block - 1];
    std::vector<int32> next = *starts;
    order->resize(step.count);
    for (int64 i = 0; i < step.count; ++i) (*order)[next[step.rows[i] / kRows]++] = static_cast<int32>(i);
  }

  bool all_rows_;
};

class AdagradDecay : public OpKernel {
 public:
  explicit AdagradDecay(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("initial", &initial_));
    OP_REQUIRES_OK(context, context->GetAttr("discount", &discount_));
    OP_REQUIRES_OK(context, context->GetAttr("all_rows", &all_rows_));
  }

  void Compute(OpKernelContext* context) override {
    Tensor variable = context->mutable_input(0, false), accumulator = context->mutable_input(1, false),
           power = context->mutable_input(2, false);
    const Tensor &rate = context->input(3), &periods = context->input(4), &row = context->input(5),
                 &gradient = context->input(6);
    const int64 limit = variable.dims() ? variable.dim_size(0) : 1;
    OP_REQUIRES_OK(context, CheckShape("accumulator", accumulator, variable.shape()));
    OP_REQUIRES(context, power.NumElements() == limit,
                InvalidArgument("power must be of ", limit, " numbers, one a row. Got: ", power.shape().DebugString(),
                                "."));
    OP_REQUIRES(context, rate.NumElements() == 1 && periods.NumElements() == 1,
                InvalidArgument("rate and periods must be scalars. Got: ", rate.shape().DebugString(), " and ",
                                periods.shape().DebugString(), "."));
    TensorShape expected = variable.shape();
    if (!all_rows_) {
      OP_REQUIRES(context, variable.dims() > 0, InvalidArgument("a scalar has no rows."));
      expected.set_dim(0, row.NumElements());
    }
    OP_REQUIRES_OK(context, CheckShape("gradient", gradient, expected));
    OP_REQUIRES_OK(context, CheckRows(row, limit));
    const int64 count = all_rows_ ? limit : row.NumElements();
    Run(context, {all_rows_ ? nullptr : row.flat<int32>().data(), gradient.flat<float>().data(), count,
                  limit ? variable.NumElements() / limit : 0, limit, rate.flat<float>()(0)},
        periods.flat<int64>()(0), variable.flat<float>().data(), accumulator.flat<float>().data(),
        power.flat<int64>().data());
    context->forward_ref_input_to_ref_output(0, 0);
  }

 private:
  void Run(OpKernelContext* context, const Step& step, int64 periods, float* w, float* accumulator,
           int64* power) const {
    Parallel(context, Blocks(step.count, kRows), [&](int64 task) {
      const Range range = Block(step.count, kRows, task);
      for (int64 i = range.low; i < range.high; ++i) {
        const int64 row = step.rows ? step.rows[i] : i, at = row * step.size;
        if (step.rows) {
          const int64 ahead = step.rows[std::min(i + kAhead, range.high - 1)];
          __builtin_prefetch(w + ahead * step.size, 1);
          __builtin_prefetch(accumulator + ahead * step.size, 1);
          __builtin_prefetch(power + ahead, 1);
        }
        if (periods > power[row]) {
          ++power[row];
          Discount(discount_, initial_, step.size, accumulator + at);
        }
        Adagrad(step.gradients + i * step.size, step.rate, step.size, w + at, accumulator + at);
      }
    });
  }

  float initial_, discount_;
  bool all_rows_;
};

REGISTER_KERNEL_BUILDER(Name("ZooAdagradRows").Device(tensorflow::DEVICE_CPU), RowsUpdate<AdagradRule>);
REGISTER_KERNEL_BUILDER(Name("ZooAdam").Device(tensorflow::DEVICE_CPU), AdamTable);
REGISTER_KERNEL_BUILDER(Name("ZooAdagradDecay").Device(tensorflow::DEVICE_CPU), AdagradDecay);

}  // namespace
}  // namespace modelzoo
