// Included by every source with ops: TensorFlow's names, checks of shapes, and outputs. A full build compiles it once,
// ahead of these sources, so a macro that a source defines before including it has no effect on it.
#ifndef MODELZOO_OP_H_
#define MODELZOO_OP_H_

#include <algorithm>
#include <vector>

#include "tensorflow/core/framework/op.h"
#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/framework/shape_inference.h"

namespace modelzoo {

using tensorflow::int32;
using tensorflow::OpInputList;
using tensorflow::OpKernel;
using tensorflow::OpKernelConstruction;
using tensorflow::OpKernelContext;
using tensorflow::OpOutputList;
using tensorflow::Status;
using tensorflow::Tensor;
using tensorflow::TensorShape;
using tensorflow::errors::InvalidArgument;
using tensorflow::shape_inference::DimensionHandle;
using tensorflow::shape_inference::InferenceContext;
using tensorflow::shape_inference::ShapeHandle;

inline Status CheckShape(const char* name, const Tensor& given, const TensorShape& expected) {
  if (given.shape() == expected) return Status::OK();
  return InvalidArgument(name, " must be of shape ", expected.DebugString(), ". Got: ", given.shape().DebugString(),
                         ".");
}

// Checks how many tensors a list has.
inline Status CheckCount(const char* name, int count, int expected) {
  if (count == expected) return Status::OK();
  return InvalidArgument("there must be ", expected, " tensors of ", name, ". Got: ", count, ".");
}

// Whether `size` + 1 row splits ascend from 0 to `end`.
inline bool AscendTo(const tensorflow::int64* splits, tensorflow::int64 size, tensorflow::int64 end) {
  return splits[0] == 0 && splits[size] == end && std::is_sorted(splits, splits + size + 1);
}

inline std::vector<TensorShape> ShapesOf(const OpInputList& tensors) {
  std::vector<TensorShape> shapes;
  for (const Tensor& tensor : tensors) shapes.push_back(tensor.shape());
  return shapes;
}

// Allocates the outputs of a list, of float; `data` receives where their numbers go.
inline Status Allocate(OpKernelContext* context, const char* name, const std::vector<TensorShape>& shapes,
                       std::vector<float*>* data) {
  OpOutputList outputs;
  TF_RETURN_IF_ERROR(context->output_list(name, &outputs));
  for (size_t i = 0; i < shapes.size(); ++i) {
    Tensor* made = nullptr;
    TF_RETURN_IF_ERROR(outputs.allocate(i, shapes[i], &made));
    data->push_back(made->flat<float>().data());
  }
  return Status::OK();
}

}  // namespace modelzoo

#endif  // MODELZOO_OP_H_
