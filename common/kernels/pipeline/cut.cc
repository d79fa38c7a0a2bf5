// Cuts one batch from a block of rows: all columns in one op; plain TensorFlow takes one or more ops per column.
#include <algorithm>

#include "shared/op.h"
#include "shared/parallel.h"

namespace modelzoo {
namespace {

REGISTER_OP("ZooCutBatch")
    .Input("start: int64")
    .Input("rows: int64")
    .Input("users: int64")
    .Input("labels: float")
    .Input("ids: T")
    .Input("numbers: float")
    .Input("values: Tvalues")
    .Input("row_splits: L * int64")
    .Input("weights: L * float")
    .Output("batch_rows: int64")
    .Output("batch_users: int64")
    .Output("batch_labels: K * float")
    .Output("batch_ids: C * T")
    .Output("batch_numbers: M * float")
    .Output("batch_values: Tvalues")
    .Output("batch_row_splits: L * int64")
    .Output("batch_weights: L * float")
    .Attr("size: int >= 1")
    .Attr("K: int >= 0")
    .Attr("C: int >= 0")
    .Attr("M: int >= 0")
    .Attr("L: int >= 0")
    .Attr("T: {int32, int64}")
    .Attr("Tvalues: list({int32, int64}) >= 0")
    .SetShapeFn([](InferenceContext* c) {
      for (int i = 0; i < c->num_outputs(); ++i) c->set_output(i, c->Vector(c->UnknownDim()));
      return Status::OK();
    })
    .Doc("The `size` rows from `start` on, or as many as there are, of rows and users [N], of the columns of labels "
         "[K, N], ids [C, N] and numbers [M, N], and of lists whose items and weights [V] row_splits [N + 1] divide.");

class CutBatch : public OpKernel {
 public:
  explicit CutBatch(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("size", &size_));
    OP_REQUIRES_OK(context, context->GetAttr("K", &labels_));
    OP_REQUIRES_OK(context, context->GetAttr("C", &ids_));
    OP_REQUIRES_OK(context, context->GetAttr("M", &numbers_));
    OP_REQUIRES_OK(context, context->GetAttr("T", &id_type_));
    int64 lists = 0;
    tensorflow::DataTypeVector types;
    OP_REQUIRES_OK(context, context->GetAttr("L", &lists));
    OP_REQUIRES_OK(context, context->GetAttr("Tvalues", &types));
    OP_REQUIRES(context, types.size() == lists,
                InvalidArgument("values must be as many as row_splits: ", lists, ". Got: ", types.size(), "."));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor *start = nullptr, *rows = nullptr;
    OP_REQUIRES_OK(context, context->input("start", &start));
    OP_REQUIRES_OK(context, context->input("rows", &rows));
    OP_REQUIRES_OK(context, CheckShape("start", *start, TensorShape({})));
    OP_REQUIRES_OK(context, CheckShape("rows", *rows, TensorShape({rows->NumElements()})));
    const int64 total = rows->dim_size(0), low = start->scalar<int64>()();
    OP_REQUIRES(context, low >= 0 && low <= total,
                InvalidArgument("start must be from 0 to ", total, ", the number of rows. Got: ", low, "."));
    const Range batch{low, low + std::min(size_, total - low)};
    OP_REQUIRES_OK(context, Cut<int64>(context, "rows", "batch_rows", {total}, batch));
    OP_REQUIRES_OK(context, Cut<int64>(context, "users", "batch_users", {total}, batch));
    OP_REQUIRES_OK(context, Cut<float>(context, "labels", "batch_labels", {labels_, total}, batch));
    const auto cut_ids = id_type_ == tensorflow::DT_INT64 ? Cut<int64> : Cut<int32>;
    OP_REQUIRES_OK(context, cut_ids(context, "ids", "batch_ids", {ids_, total}, batch));
    OP_REQUIRES_OK(context, Cut<float>(context, "numbers", "batch_numbers", {numbers_, total}, batch));
    OP_REQUIRES_OK(context, CutLists(context, total, batch));
  }

 private:
  // A column [N], or the columns of [C, N].
  template <typename T>
  static Status Cut(OpKernelContext* context, const char* name, const char* output, const TensorShape& shape,
                    Range batch) {
    const Tensor* columns = nullptr;
    OpOutputList outputs;
    TF_RETURN_IF_ERROR(context->input(name, &columns));
    TF_RETURN_IF_ERROR(context->output_list(output, &outputs));
    TF_RETURN_IF_ERROR(CheckShape(name, *columns, shape));
    const T* from = columns->flat<T>().data() + batch.low;
    const int64 total = shape.dim_size(shape.dims() - 1);
    for (int i = 0; i < outputs.size(); ++i) TF_RETURN_IF_ERROR(Copy(from + i * total, batch.size(), &outputs, i));
    return Status::OK();
  }

  template <typename T>
  static Status Copy(const T* from, int64 size, OpOutputList* outputs, int index) {
    Tensor* made = nullptr;
    TF_RETURN_IF_ERROR(outputs->allocate(index, TensorShape({size}), &made));
    std::copy(from, from + size, made->flat<T>().data());
    return Status::OK();
  }

  template <typename T>
  static Status CopyItems(const Tensor& items, Range part, OpOutputList* outputs, int index) {
    return Copy(items.flat<T>().data() + part.low, part.size(), outputs, index);
  }

  static Status CutLists(OpKernelContext* context, int64 total, Range batch) {
    OpInputList values, row_splits, weights;
    OpOutputList batch_values, batch_row_splits, batch_weights;
    TF_RETURN_IF_ERROR(context->input_list("values", &values));
    TF_RETURN_IF_ERROR(context->input_list("row_splits", &row_splits));
    TF_RETURN_IF_ERROR(context->input_list("weights", &weights));
    TF_RETURN_IF_ERROR(context->output_list("batch_values", &batch_values));
    TF_RETURN_IF_ERROR(context->output_list("batch_row_splits", &batch_row_splits));
    TF_RETURN_IF_ERROR(context->output_list("batch_weights", &batch_weights));
    for (int i = 0; i < values.size(); ++i) {
      TF_RETURN_IF_ERROR(CheckShape("row_splits", row_splits[i], TensorShape({total + 1})));
      TF_RETURN_IF_ERROR(CheckShape("weights", weights[i], values[i].shape()));
      const int64 *splits = row_splits[i].flat<int64>().data() + batch.low, size = batch.size();
      const int64 first = splits[0], end = splits[size];
      if (first < 0 || end > values[i].NumElements() || !std::is_sorted(splits, splits + size + 1)) {
        return InvalidArgument("row_splits must ascend from 0 to ", values[i].NumElements(), ". Got: ", first, " to ",
                               end, " in a batch.");
      }
      const auto copy_values = values[i].dtype() == tensorflow::DT_INT64 ? CopyItems<int64> : CopyItems<int32>;
      TF_RETURN_IF_ERROR(copy_values(values[i], {first, end}, &batch_values, i));
      TF_RETURN_IF_ERROR(CopyItems<float>(weights[i], {first, end}, &batch_weights, i));
      TF_RETURN_IF_ERROR(Copy(splits, size + 1, &batch_row_splits, i));
      int64* from_zero = batch_row_splits[i]->flat<int64>().data();
      for (int64 row = 0; row <= size; ++row) from_zero[row] -= first;
    }
    return Status::OK();
  }

  int64 size_, labels_, ids_, numbers_;
  tensorflow::DataType id_type_;
};

REGISTER_KERNEL_BUILDER(Name("ZooCutBatch").Device(tensorflow::DEVICE_CPU), CutBatch);

}  // namespace
}  // namespace modelzoo
