// Embeddings of all columns of an input layer in one op; its gradient names each row of a table once.
#include <algorithm>
#include <memory>
#include <vector>

#include "embedding/numbering.h"
#include "shared/op.h"
#include "shared/parallel.h"
#include "shared/vector.h"

namespace modelzoo {
namespace {

constexpr int64 kRows = 64;  // rows of a task
constexpr int64 kSparse = 4;  // a table with more rows per id than this numbers its rows by hashing

REGISTER_OP("ZooLookup")
    .Input("table: T * float")
    .Input("id: C * int32")
    .Input("item: L * int32")
    .Input("split: L * int64")
    .Input("weight: L * float")
    .Output("y: float")
    .Attr("T: int >= 1")
    .Attr("C: int >= 0")
    .Attr("L: int >= 0")
    .Attr("table_of: list(int)")
    .Attr("place_of: list(int)")
    .Attr("mean: list(bool)")
    .SetShapeFn([](InferenceContext* c) {
      int tables, singles;
      std::vector<int32> table_of;
      TF_RETURN_IF_ERROR(c->GetAttr("T", &tables));
      TF_RETURN_IF_ERROR(c->GetAttr("C", &singles));
      TF_RETURN_IF_ERROR(c->GetAttr("table_of", &table_of));
      DimensionHandle width = c->MakeDim(0), rows = c->UnknownDim();
      for (int32 table : table_of) {
        ShapeHandle shape;
        if (table < 0 || table >= tables) continue;  // reported by the kernel
        TF_RETURN_IF_ERROR(c->WithRank(c->input(table), 2, &shape));
        TF_RETURN_IF_ERROR(c->Add(width, c->Dim(shape, 1), &width));
      }
      if (singles > 0) {
        ShapeHandle ids;
        TF_RETURN_IF_ERROR(c->WithRank(c->input(tables), 1, &ids));
        rows = c->Dim(ids, 0);
      }
      c->set_output(0, c->Matrix(rows, width));
      return Status::OK();
    })
    .Doc("Rows of tables, joined to [B, sum of widths]: column k (ids first, then lists) takes table_of[k] and stands "
         "at place_of[k]; lists are weighted sums, or means where `mean` says so.");

REGISTER_OP("ZooLookupGrad")
    .Input("table: T * float")
    .Input("id: C * int32")
    .Input("item: L * int32")
    .Input("split: L * int64")
    .Input("weight: L * float")
    .Input("dy: float")
    .Output("row: T * int32")
    .Output("drow: T * float")
    .Attr("T: int >= 1")
    .Attr("C: int >= 0")
    .Attr("L: int >= 0")
    .Attr("table_of: list(int)")
    .Attr("place_of: list(int)")
    .Attr("mean: list(bool)")
    .SetShapeFn([](InferenceContext* c) {
      int tables;
      TF_RETURN_IF_ERROR(c->GetAttr("T", &tables));
      for (int i = 0; i < tables; ++i) {
        ShapeHandle table;
        TF_RETURN_IF_ERROR(c->WithRank(c->input(i), 2, &table));
        c->set_output(i, c->Vector(c->UnknownDim()));
        c->set_output(tables + i, c->Matrix(c->UnknownDim(), c->Dim(table, 1)));
      }
      return Status::OK();
    })
    .Doc("The gradients of ZooLookup's tables: rows that were looked up, each once, in the order of their first use, "
         "and the gradient of each.");

// One column of a step: its ids, for a list with the rows' splits and weights.
struct Column {
  int table;
  int64 offset;  // of its first number in a row of y
  const int32* ids;
  const int64* splits;  // null for one id a row
  const float* weights;
  int64 size;
  bool mean;

  Range Of(int64 row) const { return splits ? Range{splits[row], splits[row + 1]} : Range{row, row + 1}; }

  // The factor of each item of a row, in addition to the item's weight.
  float Scale(Range items) const {
    if (!mean) return 1.0f;
    float sum = 0.0f;
    for (int64 i = items.low; i < items.high; ++i) sum += weights[i];
    return 1.0f / std::max(sum, 1.0f);
  }
};

// The attributes, the inputs and their checks.
class Lookups : public OpKernel {
 public:
  explicit Lookups(OpKernelConstruction* context) : OpKernel(context) {
    int tables, singles, lists;
    OP_REQUIRES_OK(context, context->GetAttr("T", &tables));
    OP_REQUIRES_OK(context, context->GetAttr("C", &singles));
    OP_REQUIRES_OK(context, context->GetAttr("L", &lists));
    OP_REQUIRES_OK(context, context->GetAttr("table_of", &table_of_));
    OP_REQUIRES_OK(context, context->GetAttr("place_of", &place_of_));
    OP_REQUIRES_OK(context, context->GetAttr("mean", &mean_));
    const int columns = singles + lists;
    OP_REQUIRES(context, static_cast<int>(table_of_.size()) == columns && columns > 0,
                InvalidArgument("table_of must name a table for each of ", columns, " columns. Got: ",
                                table_of_.size(), "."));
    for (int table : table_of_) {
      OP_REQUIRES(context, table >= 0 && table < tables,
                  InvalidArgument("table_of must be of 0 to ", tables - 1, ". Got: ", table, "."));
    }
    std::vector<int> places = place_of_;
    std::sort(places.begin(), places.end());
    bool right = static_cast<int>(places.size()) == columns;
    for (int i = 0; i < columns && right; ++i) right = places[i] == i;
    OP_REQUIRES(context, right, InvalidArgument("place_of must hold each of 0 to ", columns - 1, " once."));
    OP_REQUIRES(context, static_cast<int>(mean_.size()) == lists,
                InvalidArgument("mean must be given for each of ", lists, " lists. Got: ", mean_.size(), "."));
  }

 protected:
  Status Read(OpKernelContext* context, OpInputList* tables, std::vector<Column>* columns, int64* rows,
              int64* width) const {
    OpInputList ids, items, splits, weights;
    TF_RETURN_IF_ERROR(context->input_list("table", tables));
    TF_RETURN_IF_ERROR(context->input_list("id", &ids));
    TF_RETURN_IF_ERROR(context->input_list("item", &items));
    TF_RETURN_IF_ERROR(context->input_list("split", &splits));
    TF_RETURN_IF_ERROR(context->input_list("weight", &weights));
    for (const Tensor& table : *tables) {
      if (table.dims() != 2) return InvalidArgument("a table must be [V, D]. Got: ", table.shape().DebugString(), ".");
    }
    *rows = ids.size() ? ids[0].NumElements() : splits[0].NumElements() - 1;
    for (int i = 0; i < ids.size(); ++i) {
      if (ids[i].NumElements() != *rows) {
        return InvalidArgument("columns must have as many rows. Got: ", *rows, " and ", ids[i].NumElements(), ".");
      }
      columns->push_back({table_of_[i], 0, ids[i].flat<int32>().data(), nullptr, nullptr, *rows, false});
    }
    for (int i = 0; i < items.size(); ++i) {
      TF_RETURN_IF_ERROR(CheckList(items[i], splits[i], weights[i], *rows));
      columns->push_back({table_of_[ids.size() + i], 0, items[i].flat<int32>().data(), splits[i].flat<int64>().data(),
                          weights[i].flat<float>().data(), items[i].NumElements(), mean_[i]});
    }
    *width = Place(*tables, columns);
    return Status::OK();
  }

  // Sets the columns' offsets; returns the width of a row of y.
  int64 Place(const OpInputList& tables, std::vector<Column>* columns) const {
    std::vector<Column*> ordered(columns->size());
    for (size_t i = 0; i < columns->size(); ++i) ordered[place_of_[i]] = &(*columns)[i];
    int64 width = 0;
    for (Column* column : ordered) {
      column->offset = width;
      width += tables[column->table].dim_size(1);
    }
    return width;
  }

  static Status CheckList(const Tensor& items, const Tensor& split, const Tensor& weights, int64 rows) {
    if (split.NumElements() != rows + 1 || rows < 0) {
      return InvalidArgument("a list's splits must be ", rows + 1, ". Got: ", split.NumElements(), ".");
    }
    if (!AscendTo(split.flat<int64>().data(), rows, items.NumElements())) {
      return InvalidArgument("a list's splits must ascend from 0 to its ", items.NumElements(), " items.");
    }
    if (weights.NumElements() != items.NumElements()) {
      return InvalidArgument("a list must have a weight for each of its ", items.NumElements(), " items. Got: ",
                             weights.NumElements(), ".");
    }
    return Status::OK();
  }

  // An error that names the first id outside of its table, if there is one.
  static Status CheckIds(const OpInputList& tables, const Column& column) {
    const int64 limit = tables[column.table].dim_size(0);
    for (int64 i = 0; i < column.size; ++i) {
      if (column.ids[i] < 0 || column.ids[i] >= limit) {
        return InvalidArgument("an id must be of 0 to ", limit - 1, ". Got: ", column.ids[i], ".");
      }
    }
    return Status::OK();
  }

 private:
  std::vector<int> table_of_, place_of_;
  std::vector<bool> mean_;
};

class Lookup : public Lookups {
 public:
  using Lookups::Lookups;

  void Compute(OpKernelContext* context) override {
    OpInputList tables;
    std::vector<Column> columns;
    int64 rows = 0, width = 0;
    OP_REQUIRES_OK(context, Read(context, &tables, &columns, &rows, &width));
    for (const Column& column : columns) OP_REQUIRES_OK(context, CheckIds(tables, column));
    Tensor* y = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({rows, width}), &y));
    float* out = y->flat<float>().data();
    Parallel(context, Blocks(rows, kRows), [&](int64 task) {
      const Range range = Block(rows, kRows, task);
      for (const Column& column : columns) {
        const float* table = tables[column.table].flat<float>().data();
        const int64 size = tables[column.table].dim_size(1);
        for (int64 row = range.low; row < range.high; ++row) {
          Gather(column, row, table, size, out + row * width + column.offset);
        }
      }
    });
  }

 private:
  static void Gather(const Column& column, int64 row, const float* table, int64 size, float* out) {
    if (!column.splits) {
      std::copy_n(table + column.ids[row] * size, size, out);
      return;
    }
    const Range items = column.Of(row);
    const float scale = column.Scale(items);
    std::fill_n(out, size, 0.0f);
    for (int64 i = items.low; i < items.high; ++i) {
      AddScaled(scale * column.weights[i], table + column.ids[i] * size, size, out);
    }
  }
};

class LookupGrad : public Lookups {
 public:
  using Lookups::Lookups;

  void Compute(OpKernelContext* context) override {
    OpInputList tables;
    std::vector<Column> columns;
    int64 rows = 0, width = 0;
    OP_REQUIRES_OK(context, Read(context, &tables, &columns, &rows, &width));
    for (const Column& column : columns) OP_REQUIRES_OK(context, CheckIds(tables, column));
    const Tensor& dy = context->input(context->num_inputs() - 1);
    OP_REQUIRES(context, dy.shape() == TensorShape({rows, width}),
                InvalidArgument("dy must be [", rows, ", ", width, "]. Got: ", dy.shape().DebugString(), "."));
    std::vector<Unique> unique(tables.size());
    Parallel(context, tables.size(), [&](int64 table) {
      unique[table].Number(columns, table, tables[table].dim_size(0));
    });
    OpOutputList ids, gradients;
    OP_REQUIRES_OK(context, context->output_list("row", &ids));
    OP_REQUIRES_OK(context, context->output_list("drow", &gradients));
    for (int i = 0; i < tables.size(); ++i) {
      const int64 count = unique[i].rows.size();
      Tensor* made = nullptr;
      OP_REQUIRES_OK(context, ids.allocate(i, TensorShape({count}), &made));
      std::copy(unique[i].rows.begin(), unique[i].rows.end(), made->flat<int32>().data());
      OP_REQUIRES_OK(context, gradients.allocate(i, TensorShape({count, tables[i].dim_size(1)}), &made));
    }
    Parallel(context, tables.size(), [&](int64 table) {
      auto sums = gradients[table]->flat<float>();
      std::fill_n(sums.data(), sums.size(), 0.0f);
      unique[table].Add(columns, table, rows, width, dy.flat<float>().data(), tables[table].dim_size(1), sums.data());
    });
  }

 private:
  // The rows of one table that a step looks up.
  struct Unique {
    std::vector<int32> rows;     // each once
    std::vector<int32> numbers;  // which of them each id is, column by column

    // Args: limit: rows of the table.
    void Number(const std::vector<Column>& columns, int table, int64 limit) {
      int64 count = 0;
      for (const Column& column : columns) count += column.table == table ? column.size : 0;
      numbers.reserve(count);
      if (limit < kSparse * count) {
        NumberAll(columns, table, DirectNumbering(limit));
      } else {
        NumberAll(columns, table, Numbering<int32>());
      }
    }

    template <class Numbers>
    void NumberAll(const std::vector<Column>& columns, int table, Numbers numbering) {
      for (const Column& column : columns) {
        for (int64 i = 0; column.table == table && i < column.size; ++i) {
          numbers.push_back(numbering.Of(column.ids[i], &rows));
        }
      }
    }

    // Adds the gradients of a table's rows to sums [rows, size].
    void Add(const std::vector<Column>& columns, int table, int64 batch, int64 width, const float* dy, int64 size,
             float* sums) const {
      const int32* number = numbers.data();
      for (const Column& column : columns) {
        for (int64 row = 0; column.table == table && row < batch; ++row) {
          const Range items = column.Of(row);
          const float scale = column.Scale(items);
          const float* upstream = dy + row * width + column.offset;
          for (int64 i = items.low; i < items.high; ++i) {
            AddScaled(column.weights ? scale * column.weights[i] : 1.0f, upstream, size, sums + *number++ * size);
          }
        }
      }
    }
  };
};

REGISTER_KERNEL_BUILDER(Name("ZooLookup").Device(tensorflow::DEVICE_CPU), Lookup);
REGISTER_KERNEL_BUILDER(Name("ZooLookupGrad").Device(tensorflow::DEVICE_CPU), LookupGrad);

}  // namespace
}  // namespace modelzoo
