// Floats as bfloat16, for inputs of products whose own op made no bfloat16 copy.
#include "layers/gemm.h"
#include "layers/shortened.h"
#include "shared/op.h"
#include "shared/parallel.h"

namespace modelzoo {
namespace {

constexpr int64 kNumbers = 32768;  // of a task

REGISTER_OP("ZooShorten")
    .Input("x: float")
    .Output("y: bfloat16")
    .SetShapeFn([](InferenceContext* c) {
      c->set_output(0, c->input(0));
      return Status::OK();
    })
    .Doc("The nearest bfloat16 of each float.");

class ShortenFloats : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    const Tensor& x = context->input(0);
    Tensor* y = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, x.shape(), &y));
    const int64 size = x.NumElements();
    Parallel(context, Blocks(size, kNumbers), [&](int64 task) {
      const Range range = Block(size, kNumbers, task);
      Shorten(x.flat<float>().data() + range.low, range.size(), Shortened(y) + range.low);
    });
  }
};

REGISTER_KERNEL_BUILDER(Name("ZooShorten").Device(tensorflow::DEVICE_CPU), ShortenFloats);

}  // namespace
}  // namespace modelzoo
