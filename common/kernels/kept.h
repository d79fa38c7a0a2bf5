// What ops keep as bfloat16 beside their outputs, or of their inputs, for products to come.
#ifndef MODELZOO_KEPT_H_
#define MODELZOO_KEPT_H_

#include <vector>

#include "op.h"

namespace modelzoo {

// The numbers of a tensor of bfloat16.
inline uint16_t* Kept(Tensor* tensor) {
  return reinterpret_cast<uint16_t*>(tensor->flat<tensorflow::bfloat16>().data());
}
inline const uint16_t* Kept(const Tensor& tensor) {
  return reinterpret_cast<const uint16_t*>(tensor.flat<tensorflow::bfloat16>().data());
}

// Whether a list has as many tensors as there must be.
inline Status CheckCount(const char* name, int count, int expected) {
  if (count == expected) return Status::OK();
  return InvalidArgument("there must be ", expected, " tensors of ", name, ". Got: ", count, ".");
}

// Makes the outputs of a list of bfloat16, one for each shape; or none, where the graph asks for none.
inline Status AllocateKept(OpKernelContext* context, const char* name, const std::vector<TensorShape>& shapes,
                           std::vector<uint16_t*>* data) {
  OpOutputList outputs;
  TF_RETURN_IF_ERROR(context->output_list(name, &outputs));
  if (outputs.size() == 0) return Status::OK();
  TF_RETURN_IF_ERROR(CheckCount(name, outputs.size(), shapes.size()));
  for (int i = 0; i < outputs.size(); ++i) {
    Tensor* made = nullptr;
    TF_RETURN_IF_ERROR(outputs.allocate(i, shapes[i], &made));
    data->push_back(Kept(made));
  }
  return Status::OK();
}

}  // namespace modelzoo

#endif  // MODELZOO_KEPT_H_
