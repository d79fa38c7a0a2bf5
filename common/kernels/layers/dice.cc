// DIN's activation: a PReLU with a smooth corner, whose place a sigmoid of the normalised inputs decides.
#include <algorithm>
#include <vector>

#include "shared/op.h"
#include "shared/parallel.h"
#include "shared/vector.h"

namespace modelzoo {
namespace {

constexpr int64 kRows = 64;  // rows of a task

REGISTER_OP("ZooDice")
    .Input("x: float")
    .Input("z: float")
    .Input("alpha: float")
    .Output("y: float")
    .Output("share: float")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle x, alpha;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 2, &x));
      TF_RETURN_IF_ERROR(c->Merge(x, c->input(1), &x));
      TF_RETURN_IF_ERROR(c->Merge(c->input(2), c->Vector(c->Dim(x, 1)), &alpha));
      c->set_output(0, x);
      c->set_output(1, x);
      return Status::OK();
    })
    .Doc("y = (share + (1 - share) alpha) x with share = sigmoid(z): x and z are [B, H], alpha is [H].");

REGISTER_OP("ZooDiceGrad")
    .Input("x: float")
    .Input("alpha: float")
    .Input("share: float")
    .Input("dy: float")
    .Output("dx: float")
    .Output("dz: float")
    .Output("dalpha: float")
    .SetShapeFn([](InferenceContext* c) {
      c->set_output(0, c->input(0));
      c->set_output(1, c->input(0));
      c->set_output(2, c->input(1));
      return Status::OK();
    })
    .Doc("The gradients of ZooDice from that of y.");

MODELZOO_CLONES void Activate(const float* RESTRICT x, const float* RESTRICT z, const float* RESTRICT alpha,
                              int64 count, float* RESTRICT y, float* RESTRICT share) {
  for (int64 i = 0; i < count; ++i) {
    share[i] = Sigmoid(z[i]);
    y[i] = (alpha[i] + share[i] * (1.0f - alpha[i])) * x[i];
  }
}

// dalpha is added to.
MODELZOO_CLONES void Gradients(const float* RESTRICT x, const float* RESTRICT alpha, const float* RESTRICT share,
                               const float* RESTRICT dy, int64 count, float* RESTRICT dx, float* RESTRICT dz,
                               float* RESTRICT dalpha) {
  for (int64 i = 0; i < count; ++i) {
    const float rest = 1.0f - share[i], product = dy[i] * x[i];
    dx[i] = dy[i] * (share[i] + rest * alpha[i]);
    dz[i] = product * (1.0f - alpha[i]) * share[i] * rest;
    dalpha[i] += product * rest;
  }
}

Status Check(const Tensor& x, const Tensor& alpha) {
  if (x.dims() != 2) return InvalidArgument("x must be [B, H]. Got: ", x.shape().DebugString(), ".");
  return CheckShape("alpha", alpha, TensorShape({x.dim_size(1)}));
}

class Dice : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &z = context->input(1), &alpha = context->input(2);
    Tensor *y = nullptr, *share = nullptr;
    OP_REQUIRES_OK(context, Check(x, alpha));
    OP_REQUIRES_OK(context, CheckShape("z", z, x.shape()));
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
    OP_REQUIRES_OK(context, context->allocate_output(1, x.shape(), &share));
    const int64 rows = x.dim_size(0), width = x.dim_size(1);
    Parallel(context, Blocks(rows, kRows), [&](int64 task) {
      const Range range = Block(rows, kRows, task);
      for (int64 at = range.low * width; at < range.high * width; at += width) {
        Activate(x.flat<float>().data() + at, z.flat<float>().data() + at, alpha.flat<float>().data(), width,
                 y->flat<float>().data() + at, share->flat<float>().data() + at);
      }
    });
  }
};

class DiceGrad : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    const Tensor &x = context->input(0), &alpha = context->input(1), &share = context->input(2),
                 &dy = context->input(3);
    Tensor *dx = nullptr, *dz = nullptr, *dalpha = nullptr;
    OP_REQUIRES_OK(context, Check(x, alpha));
    OP_REQUIRES_OK(context, CheckShape("share", share, x.shape()));
    OP_REQUIRES_OK(context, CheckShape("dy", dy, x.shape()));
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &dx));
    OP_REQUIRES_OK(context, context->allocate_output(1, x.shape(), &dz));
    OP_REQUIRES_OK(context, context->allocate_output(2, alpha.shape(), &dalpha));
    const int64 rows = x.dim_size(0), width = x.dim_size(1), tasks = Blocks(rows, kRows);
    std::vector<float> sums(tasks * width, 0.0f);
    Parallel(context, tasks, [&](int64 task) {
      const Range range = Block(rows, kRows, task);
      for (int64 at = range.low * width; at < range.high * width; at += width) {
        Gradients(x.flat<float>().data() + at, alpha.flat<float>().data(), share.flat<float>().data() + at,
                  dy.flat<float>().data() + at, width, dx->flat<float>().data() + at, dz->flat<float>().data() + at,
                  sums.data() + task * width);
      }
    });
    std::fill_n(dalpha->flat<float>().data(), width, 0.0f);  // the tasks' shares are added in a fixed order
    for (int64 task = 0; task < tasks; ++task) Add(sums.data() + task * width, width, dalpha->flat<float>().data());
  }
};

REGISTER_KERNEL_BUILDER(Name("ZooDice").Device(tensorflow::DEVICE_CPU), Dice);
REGISTER_KERNEL_BUILDER(Name("ZooDiceGrad").Device(tensorflow::DEVICE_CPU), DiceGrad);

}  // namespace
}  // namespace modelzoo
