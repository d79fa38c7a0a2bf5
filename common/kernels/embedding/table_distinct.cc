// The distinct keys of several tensors, how often each comes, and which of them each key is.
#include <vector>

#include "embedding/numbering.h"
#include "shared/op.h"

namespace modelzoo {
namespace {

using tensorflow::int64;

REGISTER_OP("ZooDistinct")
    .Input("key: L * int64")
    .Input("times: C * int64")
    .Output("distinct: int64")
    .Output("count: int64")
    .Output("index: L * int32")
    .Attr("L: int >= 1")
    .Attr("C: int >= 0")
    .SetShapeFn([](InferenceContext* c) {
      int lists;
      TF_RETURN_IF_ERROR(c->GetAttr("L", &lists));
      const ShapeHandle keys = c->Vector(c->UnknownDim());
      c->set_output(0, keys);
      c->set_output(1, keys);
      for (int i = 0; i < lists; ++i) c->set_output(2 + i, c->input(i));
      return Status::OK();
    })
    .Doc("The keys of L tensors, each once, in the order in which they come first; how often each comes, where C is L "
         "counted with `times`; and its number at each place.");

class Distinct : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    OpInputList lists, times;
    OP_REQUIRES_OK(context, context->input_list("key", &lists));
    OP_REQUIRES_OK(context, context->input_list("times", &times));
    OP_REQUIRES(context, times.size() == 0 || times.size() == lists.size(),
                InvalidArgument("times must be given for none or all of ", lists.size(), " tensors. Got: ",
                                times.size(), "."));
    for (int i = 0; i < times.size(); ++i) OP_REQUIRES_OK(context, CheckShape("times", times[i], lists[i].shape()));
    OpOutputList index;
    OP_REQUIRES_OK(context, context->output_list("index", &index));
    int64 total = 0;
    for (const Tensor& keys : lists) total += keys.NumElements();
    Numbering<int64> numbering;
    std::vector<int64> distinct, counts;
    distinct.reserve(total);
    for (int i = 0; i < lists.size(); ++i) {
      Tensor* numbers = nullptr;
      OP_REQUIRES_OK(context, index.allocate(i, lists[i].shape(), &numbers));
      const auto keys = lists[i].flat<int64>();
      auto out = numbers->flat<int32>();
      for (int64 j = 0; j < keys.size(); ++j) {
        out(j) = numbering.Of(keys(j), &distinct);
        if (out(j) == static_cast<int32>(counts.size())) counts.push_back(0);
        counts[out(j)] += times.size() ? times[i].flat<int64>()(j) : 1;
      }
    }
    OP_REQUIRES_OK(context, Give(context, 0, distinct));
    OP_REQUIRES_OK(context, Give(context, 1, counts));
  }

 private:
  static Status Give(OpKernelContext* context, int output, const std::vector<int64>& numbers) {
    Tensor* out = nullptr;
    TF_RETURN_IF_ERROR(context->allocate_output(output, TensorShape({static_cast<int64>(numbers.size())}), &out));
    std::copy(numbers.begin(), numbers.end(), out->flat<int64>().data());
    return Status::OK();
  }
};

REGISTER_KERNEL_BUILDER(Name("ZooDistinct").Device(tensorflow::DEVICE_CPU), Distinct);

}  // namespace
}  // namespace modelzoo
