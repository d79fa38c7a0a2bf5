// Tensors of bfloat16 that ops make from their inputs, or in addition to their outputs, for later products.
#ifndef MODELZOO_SHORTENED_H_
#define MODELZOO_SHORTENED_H_

#include <cstdint>
#include <vector>

#include "shared/op.h"

namespace modelzoo {

// The numbers of a tensor of bfloat16.
inline uint16_t* Shortened(Tensor* tensor) {
  return reinterpret_cast<uint16_t*>(tensor->flat<tensorflow::bfloat16>().data());
}
inline const uint16_t* Shortened(const Tensor& tensor) {
  return reinterpret_cast<const uint16_t*>(tensor.flat<tensorflow::bfloat16>().data());
}

// Allocates a list of outputs of bfloat16, one for each shape; none if the graph asks for none.
inline Status AllocateShortened(OpKernelContext* context, const char* name, const std::vector<TensorShape>& shapes,
                           std::vector<uint16_t*>* data) {
  OpOutputList outputs;
  TF_RETURN_IF_ERROR(context->output_list(name, &outputs));
  if (outputs.size() == 0) return Status::OK();
  TF_RETURN_IF_ERROR(CheckCount(name, outputs.size(), shapes.size()));
  for (int i = 0; i < outputs.size(); ++i) {
    Tensor* made = nullptr;
    TF_RETURN_IF_ERROR(outputs.allocate(i, shapes[i], &made));
    data->push_back(Shortened(made));
  }
  return Status::OK();
}

}  // namespace modelzoo

#endif  // MODELZOO_SHORTENED_H_
