// Target attention over lists of items, forward and backward in one op each.
//
// A row's query q weighs its items h: a = softmax(MLP([q, h, q - h, q * h])), y = sum a h. The op also returns
// total = sum h, which its callers need and which costs little while the items are in the cache. The first kernel is
// [Wq; Wh; Wd; Wp], one part for each of the four, so its product is q (Wq + Wd) + [h, q * h] [Wh - Wd; Wp]: one
// product per row, and one of half the width per item.
#include <algorithm>
#include <memory>
#include <vector>

#include "layers/gemm.h"
#include "shared/op.h"
#include "shared/parallel.h"
#include "shared/vector.h"

namespace modelzoo {
namespace {

constexpr int64 kRows = 32;      // rows of a task: few enough that their items stay in a core's cache for all layers
constexpr int64 kShare = 2048;  // numbers of a task that sums gradients
constexpr int64 kPadded = 64;   // items are padded to a multiple for bfloat16: oneDNN compiles each size

REGISTER_OP("ZooAttention")
    .Input("query: float")
    .Input("items: float")
    .Input("row_splits: int64")
    .Input("kernel: N * float")
    .Input("bias: N * float")
    .Output("y: float")
    .Output("total: float")
    .Output("activations: N * float")
    .Attr("N: int >= 1")
    .Attr("precision: {'float', 'rounded', 'bfloat16'} = 'float'")
    .SetShapeFn([](InferenceContext* c) {
      int layers;
      ShapeHandle query, items, kernel;
      TF_RETURN_IF_ERROR(c->GetAttr("N", &layers));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(0), 2, &query));
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 2, &items));
      c->set_output(0, query);
      c->set_output(1, query);
      for (int i = 0; i < layers; ++i) {
        TF_RETURN_IF_ERROR(c->WithRank(c->input(3 + i), 2, &kernel));
        c->set_output(2 + i, c->Matrix(c->Dim(items, 0), c->Dim(kernel, 1)));
      }
      return Status::OK();
    })
    .Doc("y [B, W]: the sum of each row's items [P, W], weighted by a softmax of N layers' scores; the first N - 1 "
         "have sigmoids. total [B, W]: the plain sum. Row i has the items row_splits[i] to before row_splits[i + 1], "
         "[B + 1]. The last of activations are the weights [P, 1].");

REGISTER_OP("ZooAttentionGrad")
    .Input("query: float")
    .Input("items: float")
    .Input("row_splits: int64")
    .Input("kernel: N * float")
    .Input("activations: N * float")
    .Input("dy: float")
    .Input("dtotal: float")
    .Output("dquery: float")
    .Output("ditems: float")
    .Output("dkernel: N * float")
    .Output("dbias: N * float")
    .Attr("N: int >= 1")
    .Attr("precision: {'float', 'rounded', 'bfloat16'} = 'float'")
    .SetShapeFn([](InferenceContext* c) {
      int layers;
      ShapeHandle kernel;
      TF_RETURN_IF_ERROR(c->GetAttr("N", &layers));
      c->set_output(0, c->input(0));
      c->set_output(1, c->input(1));
      for (int i = 0; i < layers; ++i) {
        TF_RETURN_IF_ERROR(c->WithRank(c->input(3 + i), 2, &kernel));
        c->set_output(2 + i, kernel);
        c->set_output(2 + layers + i, c->Vector(c->Dim(kernel, 1)));
      }
      return Status::OK();
    })
    .Doc("The gradients of ZooAttention from those of y and total.");

// y may be z.
MODELZOO_CLONES void AddSigmoid(const float* z, const float* RESTRICT bias, int64 rows, int64 columns, float* y) {
  for (int64 row = 0; row < rows; ++row, z += columns, y += columns) {
#pragma omp simd  // without it, a run-time check finds that y and z overlap and takes the slow loop
    for (int64 i = 0; i < columns; ++i) y[i] = Sigmoid(z[i] + bias[i]);
  }
}

// g times the slope of the sigmoid that gave y.
MODELZOO_CLONES void TimesSlope(const float* RESTRICT y, int64 count, float* RESTRICT g) {
  for (int64 i = 0; i < count; ++i) g[i] *= y[i] * (1.0f - y[i]);
}

MODELZOO_CLONES void SumRows(const float* RESTRICT from, int64 rows, int64 columns, float* RESTRICT sums) {
  std::fill(sums, sums + columns, 0.0f);
  for (int64 row = 0; row < rows; ++row, from += columns) {
    for (int64 i = 0; i < columns; ++i) sums[i] += from[i];
  }
}

// [h, q * h] of one row's items.
MODELZOO_CLONES void Pair(const float* RESTRICT query, const float* RESTRICT items, int64 count, int64 width,
                          float* RESTRICT pairs) {
  for (int64 item = 0; item < count; ++item, items += width, pairs += 2 * width) {
    for (int64 i = 0; i < width; ++i) pairs[i] = items[i];
    for (int64 i = 0; i < width; ++i) pairs[width + i] = query[i] * items[i];
  }
}

// Adds the gradients of one row's [h, q * h] to those of q and h.
MODELZOO_CLONES void Unpair(const float* RESTRICT query, const float* RESTRICT items, const float* RESTRICT dpairs,
                            int64 count, int64 width, float* RESTRICT dquery, float* RESTRICT ditems) {
  for (int64 item = 0; item < count; ++item, items += width, ditems += width, dpairs += 2 * width) {
    for (int64 i = 0; i < width; ++i) ditems[i] += dpairs[i] + query[i] * dpairs[width + i];
    for (int64 i = 0; i < width; ++i) dquery[i] += items[i] * dpairs[width + i];
  }
}

// Turns scores into their softmax; sums the items with these weights, and without.
MODELZOO_CLONES void Weigh(const float* RESTRICT items, int64 count, int64 width, float* RESTRICT weights,
                           float* RESTRICT y, float* RESTRICT total) {
  std::fill(y, y + width, 0.0f);
  std::fill(total, total + width, 0.0f);
  float highest = count ? weights[0] : 0.0f, sum = 0.0f;
  for (int64 item = 1; item < count; ++item) highest = weights[item] > highest ? weights[item] : highest;
  for (int64 item = 0; item < count; ++item) weights[item] = Exp(weights[item] - highest);
  for (int64 item = 0; item < count; ++item) sum += weights[item];
  for (int64 item = 0; item < count; ++item, items += width) {
    const float weight = weights[item] /= sum;
    for (int64 i = 0; i < width; ++i) y[i] += weight * items[i];
    for (int64 i = 0; i < width; ++i) total[i] += items[i];
  }
}

// From the gradients of y and of the total: those of one row's scores, and of its items through the sums.
MODELZOO_CLONES void Unweigh(const float* RESTRICT items, const float* RESTRICT weights, const float* RESTRICT dy,
                             const float* RESTRICT dtotal, int64 count, int64 width, float* RESTRICT dscores,
                             float* RESTRICT ditems) {
  float mean = 0.0f;
  for (int64 item = 0; item < count; ++item, items += width, ditems += width) {
    float lanes[8] = {0}, sum = 0.0f;
    int64 i = 0;
    for (; i + 8 <= width; i += 8) {
      for (int lane = 0; lane < 8; ++lane) lanes[lane] += dy[i + lane] * items[i + lane];
    }
    for (; i < width; ++i) sum += dy[i] * items[i];
    for (float lane : lanes) sum += lane;
    dscores[item] = sum;
    mean += weights[item] * sum;
    for (i = 0; i < width; ++i) ditems[i] = weights[item] * dy[i] + dtotal[i];
  }
  for (int64 item = 0; item < count; ++item) dscores[item] = weights[item] * (dscores[item] - mean);
}

// Buffers of one task, with room for some more rows.
class Scratch {
 public:
  Scratch(int64 rows, int64 columns, int64 padding = 0)
      : rows_(rows), columns_(columns), data_(new float[(rows + padding) * columns]) {}

  float* row(int64 i) const { return data_.get() + i * columns_; }
  int64 rows() const { return rows_; }
  int64 columns() const { return columns_; }

 private:
  int64 rows_, columns_;
  std::unique_ptr<float[]> data_;
};

// How many rows of padding some items, or their outputs, get.
int64 Padding(Precision precision, int64 items) {
  return precision == Precision::kBfloat16 ? Blocks(items, kPadded) * kPadded - items : 0;
}

Operand Filled(Precision precision, const float* values, int64 rows, int64 columns, int64 padding = 0) {
  Operand operand(precision, values, rows, columns, padding);
  operand.Fill(0, rows);
  return operand;
}

Operand Filled(Precision precision, const Scratch& values, int64 padding = 0) {
  return Filled(precision, values.row(0), values.rows(), values.columns(), padding);
}

// The inputs of both ops.
struct Inputs {
  const Tensor *query, *items;
  OpInputList kernel;
  const int64* splits;  // row i has the items splits[i] to before splits[i + 1]

  int64 rows() const { return query->dim_size(0); }
  int64 positions() const { return items->dim_size(0); }
  int64 width() const { return query->dim_size(1); }
  int64 units(int layer) const { return kernel[layer].dim_size(1); }
  const float* query_of(int64 row) const { return query->flat<float>().data() + row * width(); }
  const float* item(int64 position) const { return items->flat<float>().data() + position * width(); }
  int64 count(int64 row) const { return splits[row + 1] - splits[row]; }
  Range positions_of(Range rows) const { return {splits[rows.low], splits[rows.high]}; }

  // [h, q * h] of the items of some rows.
  Scratch Pairs(Range rows) const {
    const Range at = positions_of(rows);
    Scratch pairs(at.size(), 2 * width());
    for (int64 row = rows.low; row < rows.high; ++row) {
      Pair(query_of(row), item(splits[row]), count(row), width(), pairs.row(splits[row] - at.low));
    }
    return pairs;
  }
};

// All kernels in the precision of the products; the first as the part for queries, Wq + Wd, and the one for pairs.
struct Weights {
  Weights(Precision precision, const Inputs& inputs)
      : query_sums(inputs.width(), inputs.units(0)), pair_parts(2 * inputs.width(), inputs.units(0)) {
    const int64 size = inputs.width() * inputs.units(0);
    const float *for_query = inputs.kernel[0].flat<float>().data(), *for_item = for_query + size,
                *for_difference = for_item + size, *for_product = for_difference + size;
    float *sums = query_sums.row(0), *parts = pair_parts.row(0);
    for (int64 i = 0; i < size; ++i) sums[i] = for_query[i] + for_difference[i];
    for (int64 i = 0; i < size; ++i) parts[i] = for_item[i] - for_difference[i];
    std::copy(for_product, for_product + size, parts + size);
    query = Filled(precision, query_sums);
    layers.push_back(Filled(precision, pair_parts));
    for (int i = 1; i < inputs.kernel.size(); ++i) {
      const Tensor& kernel = inputs.kernel[i];
      layers.push_back(Filled(precision, kernel.flat<float>().data(), kernel.dim_size(0), kernel.dim_size(1)));
    }
  }

  Scratch query_sums, pair_parts;
  Operand query;                // [W, H]
  std::vector<Operand> layers;  // the first [2 W, H]
};

// The attributes, inputs and checks of both ops.
class Attentions : public OpKernel {
 public:
  explicit Attentions(OpKernelConstruction* context) : OpKernel(context) {
    std::string precision;
    OP_REQUIRES_OK(context, context->GetAttr("precision", &precision));
    OP_REQUIRES_OK(context, ParsePrecision(precision, &precision_));
  }

 protected:
  static Status Read(OpKernelContext* context, Inputs* inputs) {
    const Tensor* splits = nullptr;
    TF_RETURN_IF_ERROR(context->input("query", &inputs->query));
    TF_RETURN_IF_ERROR(context->input("items", &inputs->items));
    TF_RETURN_IF_ERROR(context->input("row_splits", &splits));
    TF_RETURN_IF_ERROR(context->input_list("kernel", &inputs->kernel));
    if (inputs->query->dims() != 2) {
      return InvalidArgument("query must be [B, W]. Got: ", inputs->query->shape().DebugString(), ".");
    }
    if (inputs->items->dims() != 2 || inputs->items->dim_size(1) != inputs->width()) {
      return InvalidArgument("items must be [P, ", inputs->width(), "]. Got: ",
                             inputs->items->shape().DebugString(), ".");
    }
    TF_RETURN_IF_ERROR(CheckShape("row_splits", *splits, TensorShape({inputs->rows() + 1})));
    inputs->splits = splits->flat<int64>().data();
    TF_RETURN_IF_ERROR(CheckSplits(*inputs));
    return CheckKernels(*inputs);
  }

  Precision precision_;

 private:
  static Status CheckKernels(const Inputs& inputs) {
    int64 from = 4 * inputs.width();
    for (const Tensor& kernel : inputs.kernel) {
      if (kernel.dims() != 2 || kernel.dim_size(0) != from) {
        return InvalidArgument("the kernel of a layer with ", from, " inputs must be [", from, ", H]. Got: ",
                               kernel.shape().DebugString(), ".");
      }
      from = kernel.dim_size(1);
    }
    if (from == 1) return Status::OK();
    return InvalidArgument("the last kernel must give one score. Got: ", from, ".");
  }

  static Status CheckSplits(const Inputs& inputs) {
    if (AscendTo(inputs.splits, inputs.rows(), inputs.positions())) return Status::OK();
    return InvalidArgument("row_splits must ascend from 0 to the ", inputs.positions(), " items.");
  }
};

class Attention : public Attentions {
 public:
  using Attentions::Attentions;

  void Compute(OpKernelContext* context) override {
    Inputs inputs;
    Outputs outputs;
    OP_REQUIRES_OK(context, Read(context, &inputs));
    OP_REQUIRES_OK(context, context->input_list("bias", &outputs.bias));
    OP_REQUIRES_OK(context, Allocate(context, inputs, &outputs));
    const Weights weights(precision_, inputs);
    Products products(precision_);
    Parallel(context, Blocks(inputs.rows(), kRows), [&](int64 task) {
      const Range rows = Block(inputs.rows(), kRows, task);
      FirstLayer(inputs, weights, rows, outputs, &products);
      for (int layer = 1; layer < inputs.kernel.size(); ++layer) {
        Layer(inputs, weights, layer, inputs.positions_of(rows), outputs, &products);
      }
      for (int64 row = rows.low; row < rows.high; ++row) {
        Weigh(inputs.item(inputs.splits[row]), inputs.count(row), inputs.width(),
              outputs.activations.back() + inputs.splits[row], outputs.y + row * inputs.width(),
              outputs.total + row * inputs.width());
      }
    });
    OP_REQUIRES_OK(context, products.status());
  }

 private:
  struct Outputs {
    OpInputList bias;
    float *y, *total;
    std::vector<float*> activations;
  };

  static Status Allocate(OpKernelContext* context, const Inputs& inputs, Outputs* outputs) {
    Tensor* made = nullptr;
    OpOutputList activations;
    TF_RETURN_IF_ERROR(context->allocate_output("y", inputs.query->shape(), &made));
    outputs->y = made->flat<float>().data();
    TF_RETURN_IF_ERROR(context->allocate_output("total", inputs.query->shape(), &made));
    outputs->total = made->flat<float>().data();
    TF_RETURN_IF_ERROR(context->output_list("activations", &activations));
    for (int i = 0; i < inputs.kernel.size(); ++i) {
      TF_RETURN_IF_ERROR(CheckShape("bias", outputs->bias[i], TensorShape({inputs.units(i)})));
      TF_RETURN_IF_ERROR(activations.allocate(i, TensorShape({inputs.positions(), inputs.units(i)}), &made));
      outputs->activations.push_back(made->flat<float>().data());
    }
    return Status::OK();
  }

  void FirstLayer(const Inputs& inputs, const Weights& weights, Range rows, const Outputs& outputs,
                  Products* products) const {
    const Range at = inputs.positions_of(rows);
    const int64 width = inputs.width(), units = inputs.units(0);
    const Scratch of_query(rows.size(), units);
    const Operand query = Filled(precision_, inputs.query_of(rows.low), rows.size(), width);
    products->Multiply(rows.size(), units, width, query.matrix(), weights.query.matrix(), false, of_query.row(0),
                       units);
    const Scratch pairs = inputs.Pairs(rows);
    float* out = outputs.activations[0] + at.low * units;
    const Scratch room = Room(at.size(), units);
    const float* z = OfItems(pairs.row(0), at.size(), weights.layers[0], room, out, products);
    if (inputs.kernel.size() == 1) {  // a term that a row's scores share does not change their softmax
      if (z != out) std::copy_n(z, at.size() * units, out);
      return;
    }
    const float* bias = outputs.bias[0].flat<float>().data();
    for (int64 row = 0; row < rows.size(); ++row) {
      const int64 first = (inputs.splits[rows.low + row] - at.low) * units;
      Add(bias, units, of_query.row(row));
      AddSigmoid(z + first, of_query.row(row), inputs.count(rows.low + row), units, out + first);
    }
  }

  void Layer(const Inputs& inputs, const Weights& weights, int layer, Range at, const Outputs& outputs,
             Products* products) const {
    const int64 from = inputs.units(layer - 1), units = inputs.units(layer);
    float* out = outputs.activations[layer] + at.low * units;
    const Scratch room = Room(at.size(), units);
    const float* z = OfItems(outputs.activations[layer - 1] + at.low * from, at.size(), weights.layers[layer], room,
                             out, products);
    if (layer + 1 < inputs.kernel.size()) {
      AddSigmoid(z, outputs.bias[layer].flat<float>().data(), at.size(), units, out);
    } else if (z != out) {  // one bias for all scores does not change their softmax
      std::copy_n(z, at.size() * units, out);
    }
  }

  // Room for the outputs of padded items; none without padding.
  Scratch Room(int64 count, int64 units) const {
    const int64 padding = Padding(precision_, count);
    return Scratch(padding ? count + padding : 0, units);
  }

  // The products of some items' rows and a kernel: in `room` if there is any, else in `out`.
  const float* OfItems(const float* rows, int64 count, const Operand& kernel, const Scratch& room, float* out,
                       Products* products) const {
    const int64 padding = Padding(precision_, count);
    const Operand x = Filled(precision_, rows, count, kernel.rows(), padding);
    float* z = padding ? room.row(0) : out;
    products->Multiply(count + padding, kernel.columns(), kernel.rows(), x.matrix(), kernel.matrix(), false, z,
                       kernel.columns());
    return z;
  }
};

class AttentionGrad : public Attentions {
 public:
  using Attentions::Attentions;

  void Compute(OpKernelContext* context) override {
    Inputs inputs;
    OpInputList activations;
    const Tensor *dy = nullptr, *dtotal = nullptr;
    Tensor *dquery = nullptr, *ditems = nullptr, shares;
    OP_REQUIRES_OK(context, Read(context, &inputs));
    OP_REQUIRES_OK(context, context->input_list("activations", &activations));
    OP_REQUIRES_OK(context, context->input("dy", &dy));
    OP_REQUIRES_OK(context, context->input("dtotal", &dtotal));
    OP_REQUIRES_OK(context, CheckShape("dy", *dy, inputs.query->shape()));
    OP_REQUIRES_OK(context, CheckShape("dtotal", *dtotal, inputs.query->shape()));
    for (int i = 0; i < activations.size(); ++i) {
      const TensorShape expected({inputs.positions(), inputs.units(i)});
      OP_REQUIRES_OK(context, CheckShape("activations", activations[i], expected));
    }
    OP_REQUIRES_OK(context, context->allocate_output("dquery", inputs.query->shape(), &dquery));
    OP_REQUIRES_OK(context, context->allocate_output("ditems", inputs.items->shape(), &ditems));
    const Layout layout(inputs);
    const int64 tasks = Blocks(inputs.rows(), kRows);
    OP_REQUIRES_OK(context, context->allocate_temp(tensorflow::DT_FLOAT, TensorShape({tasks + 1, layout.size}),
                                                   &shares));
    float *share = shares.flat<float>().data(), *total = share + tasks * layout.size;
    const Weights weights(precision_, inputs);
    Products products(precision_);
    Parallel(context, tasks, [&](int64 task) {
      const Range rows = Block(inputs.rows(), kRows, task);
      const Part part{inputs, weights, layout, activations, rows, inputs.positions_of(rows),
                      share + task * layout.size, &products};
      Backward(part, *dy, *dtotal, dquery->flat<float>().data(), ditems->flat<float>().data());
    });
    OP_REQUIRES_OK(context, products.status());
    AddUp(context, share, tasks, layout.size, total);
    OP_REQUIRES_OK(context, Assemble(context, inputs, layout, total));
  }

 private:
  // Offsets of the layers' gradients in a task's buffer: the first kernel's for pairs and queries, then the others.
  struct Layout {
    explicit Layout(const Inputs& inputs) : query(2 * inputs.width() * inputs.units(0)) {
      size = query + inputs.width() * inputs.units(0);
      for (int i = 0; i < inputs.kernel.size(); ++i) {
        kernel.push_back(i ? size : 0);
        if (i) size += inputs.kernel[i].NumElements();
        bias.push_back(size);
        size += inputs.units(i);
      }
    }

    std::vector<int64> kernel, bias;
    int64 query, size;
  };

  // The state of one task.
  struct Part {
    const Inputs& inputs;
    const Weights& weights;
    const Layout& layout;
    const OpInputList& activations;
    Range rows, at;
    float* share;
    Products* products;

    const float* outputs(int layer) const {
      return activations[layer].flat<float>().data() + at.low * inputs.units(layer);
    }
  };

  void Backward(const Part& part, const Tensor& dy, const Tensor& dtotal, float* dquery, float* ditems) const {
    const Inputs& inputs = part.inputs;
    const int64 width = inputs.width();
    const int last = inputs.kernel.size() - 1;
    Scratch g(part.at.size(), 1);
    for (int64 row = part.rows.low; row < part.rows.high; ++row) {
      const int64 first = inputs.splits[row];
      Unweigh(inputs.item(first), part.outputs(last) + first - part.at.low, dy.flat<float>().data() + row * width,
              dtotal.flat<float>().data() + row * width, inputs.count(row), width, g.row(first - part.at.low),
              ditems + first * width);
    }
    for (int layer = last; layer > 0; --layer) g = LayerGradients(part, layer, g);
    FirstGradients(part, g, dquery, ditems);
  }

  // The gradients of a layer's variables, and of the layer below before its sigmoid.
  Scratch LayerGradients(const Part& part, int layer, const Scratch& g) const {
    const int64 units = part.inputs.units(layer), from = part.inputs.units(layer - 1), count = part.at.size();
    const int64 padding = Padding(precision_, count);
    const Operand up = Filled(precision_, g, padding),
                  x = Filled(precision_, part.outputs(layer - 1), count, from, padding);
    part.products->Multiply(from, units, count + padding, x.matrix(true), up.matrix(), false,
                            part.share + part.layout.kernel[layer], units);
    SumRows(g.row(0), count, units, part.share + part.layout.bias[layer]);
    Scratch below(count, from, padding);
    part.products->Multiply(count + padding, from, units, up.matrix(), part.weights.layers[layer].matrix(true), false,
                            below.row(0), from);
    TimesSlope(part.outputs(layer - 1), count * from, below.row(0));
    return below;
  }

  void FirstGradients(const Part& part, const Scratch& g, float* dquery, float* ditems) const {
    const int64 width = part.inputs.width(), units = part.inputs.units(0), count = part.at.size();
    const int64 padding = Padding(precision_, count);
    const Scratch pairs = part.inputs.Pairs(part.rows);
    const Operand up = Filled(precision_, g, padding), x = Filled(precision_, pairs, padding);
    part.products->Multiply(2 * width, units, count + padding, x.matrix(true), up.matrix(), false, part.share, units);
    const Scratch dpairs(count, 2 * width, padding), sums(part.rows.size(), units);
    part.products->Multiply(count + padding, 2 * width, units, up.matrix(), part.weights.layers[0].matrix(true), false,
                            dpairs.row(0), 2 * width);
    dquery += part.rows.low * width;
    std::fill(dquery, dquery + part.rows.size() * width, 0.0f);
    for (int64 i = 0; i < part.rows.size(); ++i) {
      const int64 row = part.rows.low + i, first = part.inputs.splits[row], at = first - part.at.low;
      SumRows(g.row(at), part.inputs.count(row), units, sums.row(i));
      Unpair(part.inputs.query_of(row), part.inputs.item(first), dpairs.row(at), part.inputs.count(row), width,
             dquery + i * width, ditems + first * width);
    }
    QueryGradients(part, sums, dquery);
  }

  // Adds the gradients of the queries' product; `sums` are each row's sums over its items, before the sigmoid.
  void QueryGradients(const Part& part, const Scratch& sums, float* dquery) const {
    const int64 width = part.inputs.width(), units = part.inputs.units(0), rows = part.rows.size();
    const Operand up = Filled(precision_, sums),
                  query = Filled(precision_, part.inputs.query_of(part.rows.low), rows, width);
    part.products->Multiply(width, units, rows, query.matrix(true), up.matrix(), false,
                            part.share + part.layout.query, units);
    part.products->Multiply(rows, width, units, up.matrix(), part.weights.query.matrix(true), true, dquery, width);
    SumRows(sums.row(0), rows, units, part.share + part.layout.bias[0]);
  }

  // The tasks' shares are added in a fixed order, so results do not depend on the threads.
  static void AddUp(OpKernelContext* context, const float* shares, int64 count, int64 size, float* total) {
    Parallel(context, Blocks(size, kShare), [&](int64 task) {
      const Range range = Block(size, kShare, task);
      std::fill(total + range.low, total + range.high, 0.0f);
      for (int64 i = 0; i < count; ++i) Add(shares + i * size + range.low, range.size(), total + range.low);
    });
  }

  static Status Assemble(OpKernelContext* context, const Inputs& inputs, const Layout& layout, const float* total) {
    OpOutputList dkernel, dbias;
    TF_RETURN_IF_ERROR(context->output_list("dkernel", &dkernel));
    TF_RETURN_IF_ERROR(context->output_list("dbias", &dbias));
    for (int i = 0; i < inputs.kernel.size(); ++i) {
      Tensor *kernel = nullptr, *bias = nullptr;
      TF_RETURN_IF_ERROR(dkernel.allocate(i, inputs.kernel[i].shape(), &kernel));
      TF_RETURN_IF_ERROR(dbias.allocate(i, TensorShape({inputs.units(i)}), &bias));
      const float *from = total + layout.kernel[i], *from_bias = total + layout.bias[i];
      if (i) std::copy(from, from + kernel->NumElements(), kernel->flat<float>().data());
      if (!i) FirstKernel(total, total + layout.query, inputs.width() * inputs.units(0), kernel->flat<float>().data());
      std::copy(from_bias, from_bias + inputs.units(i), bias->flat<float>().data());
    }
    return Status::OK();
  }

  // The gradient of [Wq; Wh; Wd; Wp], parts of `size` numbers, from those of [Wh - Wd; Wp] and Wq + Wd.
  static void FirstKernel(const float* of_pairs, const float* of_query, int64 size, float* dkernel) {
    std::copy(of_query, of_query + size, dkernel);
    std::copy(of_pairs, of_pairs + size, dkernel + size);
    for (int64 i = 0; i < size; ++i) dkernel[2 * size + i] = of_query[i] - of_pairs[i];
    std::copy(of_pairs + size, of_pairs + 2 * size, dkernel + 3 * size);
  }
};

REGISTER_KERNEL_BUILDER(Name("ZooAttention").Device(tensorflow::DEVICE_CPU), Attention);
REGISTER_KERNEL_BUILDER(Name("ZooAttentionGrad").Device(tensorflow::DEVICE_CPU), AttentionGrad);

}  // namespace
}  // namespace modelzoo
