// Ops on a resource, whose handle is their first input.
#ifndef MODELZOO_RESOURCE_H_
#define MODELZOO_RESOURCE_H_

#include "shared/op.h"
#include "tensorflow/core/framework/resource_mgr.h"

namespace modelzoo {

// Calls Run with the resource; an error if it does not exist.
template <class Resource>
class ResourceOp : public OpKernel {
 public:
  using OpKernel::OpKernel;

  void Compute(OpKernelContext* context) override {
    Resource* found = nullptr;
    OP_REQUIRES_OK(context, tensorflow::LookupResource(context, tensorflow::HandleFromInput(context, 0), &found));
    tensorflow::core::ScopedUnref unref(found);
    OP_REQUIRES_OK(context, Run(context, found));
  }

 protected:
  virtual Status Run(OpKernelContext* context, Resource* resource) = 0;
};

// Allocates an output that is one number.
template <typename T>
Status OutputScalar(OpKernelContext* context, int index, T value) {
  Tensor* out = nullptr;
  TF_RETURN_IF_ERROR(context->allocate_output(index, TensorShape({}), &out));
  out->scalar<T>()() = value;
  return Status::OK();
}

}  // namespace modelzoo

#endif  // MODELZOO_RESOURCE_H_
