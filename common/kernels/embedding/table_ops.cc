// The ops of embedding variables, which are resources: make, look up, update by an optimizer's rule, save, restore.
#include <memory>
#include <string>
#include <vector>

#include "embedding/table.h"
#include "optimizers/rules.h"
#include "shared/op.h"
#include "shared/parallel.h"
#include "shared/resource.h"
#include "shared/vector.h"

namespace modelzoo {
namespace {

using tensorflow::ResourceBase;
using tensorflow::core::ScopedUnref;

// A table that may be replaced by another while steps use it.
class ZooTable : public ResourceBase {
 public:
  explicit ZooTable(std::shared_ptr<Table> table) : table_(std::move(table)) {}
  tensorflow::string DebugString() const override { return "an embedding variable"; }

  std::shared_ptr<Table> table() {
    tensorflow::mutex_lock lock(mu_);
    return table_;
  }

  void Replace(std::shared_ptr<Table> table) {
    tensorflow::mutex_lock lock(mu_);
    table_.swap(table);
  }  // unlocks before the old table is freed

 private:
  tensorflow::mutex mu_;
  std::shared_ptr<Table> table_;
};

REGISTER_RESOURCE_HANDLE_OP(ZooTable);
REGISTER_KERNEL_BUILDER(Name("ZooTableHandleOp").Device(tensorflow::DEVICE_CPU),
                        tensorflow::ResourceHandleOp<ZooTable>);

REGISTER_OP("ZooTableIsThere").Input("handle: resource").Output("there: bool").SetShapeFn(
    tensorflow::shape_inference::ScalarShape);
REGISTER_KERNEL_BUILDER(Name("ZooTableIsThere").Device(tensorflow::DEVICE_CPU),
                        tensorflow::IsResourceInitialized<ZooTable>);

REGISTER_OP("ZooTableMake")
    .Input("handle: resource")
    .Input("defaults: float")
    .Input("slots: float")
    .Attr("admit_at: int >= 0 = 0")
    .Attr("bloom_counters: int >= 0 = 0")
    .Attr("bloom_hashes: int >= 0 = 0")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle shape;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 2, &shape));
      return c->WithRank(c->input(2), 1, &shape);
    })
    .Doc("Makes a table without keys in place of any before. Key k starts as row k % R of defaults [R, D], with `slots` "
         "behind it.");

REGISTER_OP("ZooTableGather")
    .Input("handle: resource")
    .Input("key: int64")
    .Output("value: float")
    .Output("admitted: bool")
    .Attr("width: int >= 1")
    .SetShapeFn([](InferenceContext* c) {
      ShapeHandle keys;
      int width;
      TF_RETURN_IF_ERROR(c->WithRank(c->input(1), 1, &keys));
      TF_RETURN_IF_ERROR(c->GetAttr("width", &width));
      c->set_output(0, c->Matrix(c->Dim(keys, 0), width));
      c->set_output(1, keys);
      return Status::OK();
    })
    .Doc("The values of keys, [N, D], and whether each has a row; without one its default, or zeros where keys wait for "
         "rows. Changes nothing.");

REGISTER_OP("ZooTableFrequency")
    .Input("handle: resource")
    .Input("key: int64")
    .Output("frequency: int64")
    .SetShapeFn([](InferenceContext* c) {
      c->set_output(0, c->input(1));
      return Status::OK();
    })
    .Doc("How often keys were counted.");

REGISTER_OP("ZooTableUpdate")
    .Input("handle: resource")
    .Input("key: int64")
    .Input("count: int64")
    .Input("gradient: float")
    .Input("place: int32")
    .Input("step: int64")
    .Input("hyper: float")
    .Input("initial: float")
    .Attr("rule: {'gradientdescent', 'adagrad', 'adam', 'adagraddecay'}")
    .SetShapeFn(tensorflow::shape_inference::NoOutputs)
    .Doc("Counts distinct keys and updates the rows of those that have one, or have it now. A gradient is of the key at "
         "its `place`; the gradient of a key without one is zeros. Where `initial` is [N, D] and not empty, a new row "
         "starts with it and is not updated. hyper: rate; adam: rate with the correction of the bias, beta1, beta2, "
         "epsilon; adagraddecay: rate, discount, initial accumulator, discounts that are due.");

REGISTER_OP("ZooTableExport")
    .Input("handle: resource")
    .Input("step: int64")
    .Input("since: int32")
    .Output("key: int64")
    .Output("value: float")
    .Output("slot: float")
    .Output("frequency: int64")
    .Output("version: int64")
    .Output("waiting_key: int64")
    .Output("waiting_frequency: int64")
    .Output("waiting_version: int64")
    .Output("bloom: uint8")
    .Attr("evict: {'', 'gstep', 'l2'} = ''")
    .Attr("steps_to_live: int = 0")
    .Attr("l2_threshold: float = 0")
    .SetIsStateful()
    .Doc("All keys after eviction; or, where `since` is > 0, the rows that were marked from that generation on.");

REGISTER_OP("ZooTableMark")
    .Input("handle: resource")
    .Input("key: int64")
    .Input("generation: int32")
    .SetShapeFn(tensorflow::shape_inference::NoOutputs)
    .Doc("Marks the rows of keys with a generation, or leaves later marks.");

REGISTER_OP("ZooTableImport")
    .Input("handle: resource")
    .Input("key: int64")
    .Input("value: float")
    .Input("slot: float")
    .Input("frequency: int64")
    .Input("version: int64")
    .Input("waiting_key: int64")
    .Input("waiting_frequency: int64")
    .Input("waiting_version: int64")
    .Input("bloom: uint8")
    .Input("generation: int32")
    .Attr("part: int >= 0")
    .Attr("parts: int >= 1")
    .SetShapeFn(tensorflow::shape_inference::NoOutputs)
    .Doc("Sets those of the keys that fall into a part. Slots are [0, 0] where they are not known.");

REGISTER_OP("ZooTableSize")
    .Input("handle: resource")
    .Output("rows: int64")
    .Output("waiting: int64")
    .Output("bytes: int64")
    .SetIsStateful()
    .SetShapeFn([](InferenceContext* c) {
      for (int i = 0; i < 3; ++i) c->set_output(i, c->Scalar());
      return Status::OK();
    });

Runner OnThreads(OpKernelContext* context) {
  return [context](int64_t count, const std::function<void(int64_t)>& task) {
    Parallel(context, count, [&](int64 i) { task(i); });
  };
}

const int64_t* Integers(const Tensor& tensor) {
  return reinterpret_cast<const int64_t*>(tensor.flat<int64>().data());
}

class Make : public OpKernel {
 public:
  explicit Make(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("admit_at", &admit_at_));
    OP_REQUIRES_OK(context, context->GetAttr("bloom_counters", &bloom_counters_));
    OP_REQUIRES_OK(context, context->GetAttr("bloom_hashes", &bloom_hashes_));
    OP_REQUIRES(context, bloom_counters_ == 0 || (bloom_hashes_ > 0 && admit_at_ > 0 && admit_at_ < 256),
                InvalidArgument("a Bloom filter needs hashes and keys that are admitted at 1 to 255. Got: ",
                                bloom_hashes_, " hashes and ", admit_at_, "."));
  }

  void Compute(OpKernelContext* context) override {
    const Tensor &defaults = context->input(1), &slots = context->input(2);
    OP_REQUIRES(context, defaults.dims() == 2 && defaults.NumElements() > 0,
                InvalidArgument("defaults must be [R, D]. Got: ", defaults.shape().DebugString(), "."));
    const float *first = defaults.flat<float>().data(), *slot = slots.flat<float>().data();
    const TableConfig config = {defaults.dim_size(1), std::vector<float>(first, first + defaults.NumElements()),
                                std::vector<float>(slot, slot + slots.NumElements()), admit_at_, bloom_counters_,
                                bloom_hashes_};
    const auto made = std::make_shared<Table>(config);
    ZooTable* there = nullptr;
    OP_REQUIRES_OK(context, tensorflow::LookupOrCreateResource<ZooTable>(
                                context, tensorflow::HandleFromInput(context, 0), &there, [&](ZooTable** resource) {
                                  *resource = new ZooTable(made);
                                  return Status::OK();
                                }));
    ScopedUnref unref(there);
    there->Replace(made);  // not removed: other trainers may be in the middle of a step
  }

 private:
  int64 admit_at_, bloom_counters_, bloom_hashes_;
};

// An op on the current table, which it keeps alive while it runs.
class TableOp : public ResourceOp<ZooTable> {
 public:
  using ResourceOp::ResourceOp;

 protected:
  Status Run(OpKernelContext* context, ZooTable* resource) final { return Run(context, resource->table().get()); }

  virtual Status Run(OpKernelContext* context, Table* table) = 0;
};

class Gather : public TableOp {
 public:
  explicit Gather(OpKernelConstruction* context) : TableOp(context) {
    OP_REQUIRES_OK(context, context->GetAttr("width", &width_));
  }

 protected:
  Status Run(OpKernelContext* context, Table* table) override {
    const Tensor& keys = context->input(1);
    if (keys.dims() != 1) return InvalidArgument("key must be [N]. Got: ", keys.shape().DebugString(), ".");
    if (table->config().width != width_) {
      return InvalidArgument("the table's width is ", table->config().width, ". Asked for: ", width_, ".");
    }
    const int64 count = keys.NumElements();
    Tensor *values = nullptr, *admitted = nullptr;
    TF_RETURN_IF_ERROR(context->allocate_output(0, TensorShape({count, width_}), &values));
    TF_RETURN_IF_ERROR(context->allocate_output(1, TensorShape({count}), &admitted));
    table->Gather(Integers(keys), count, OnThreads(context), values->flat<float>().data(),
                  admitted->flat<bool>().data());
    return Status::OK();
  }

 private:
  int64 width_;
};

class GatherFrequency : public TableOp {
 public:
  using TableOp::TableOp;

 protected:
  Status Run(OpKernelContext* context, Table* table) override {
    const Tensor& keys = context->input(1);
    Tensor* frequencies = nullptr;
    TF_RETURN_IF_ERROR(context->allocate_output(0, keys.shape(), &frequencies));
    table->Frequencies(Integers(keys), keys.NumElements(), OnThreads(context),
                       reinterpret_cast<int64_t*>(frequencies->flat<int64>().data()));
    return Status::OK();
  }
};

// How each rule changes a row [value, slots] with a gradient of the value's width.
using Rule = void (*)(const float* hyper, const float* g, int64 width, float* row);

void Descend(const float* hyper, const float* g, int64 width, float* row) { AddScaled(-hyper[0], g, width, row); }

void AdagradRow(const float* hyper, const float* g, int64 width, float* row) {
  Adagrad(g, hyper[0], width, row, row + width);
}

void AdamRow(const float* hyper, const float* g, int64 width, float* row) {
  Adam(g, hyper[0], hyper[1], hyper[2], hyper[3], width, row, row + width, row + 2 * width);
}

void AdagradDecayRow(const float* hyper, const float* g, int64 width, float* row) {
  float *accumulator = row + width, *discounts = row + 2 * width;
  if (hyper[3] > *discounts) {
    Discount(hyper[1], hyper[2], width, accumulator);
    *discounts += 1.0f;
  }
  Adagrad(g, hyper[0], width, row, accumulator);
}

class Update : public TableOp {
 public:
  explicit Update(OpKernelConstruction* context) : TableOp(context) {
    OP_REQUIRES_OK(context, context->GetAttr("rule", &name_));
    if (name_ == "gradientdescent") rule_ = Descend, hypers_ = 1, slots_ = [](int64) -> int64 { return 0; };
    if (name_ == "adagrad") rule_ = AdagradRow, hypers_ = 1, slots_ = [](int64 width) { return width; };
    if (name_ == "adam") rule_ = AdamRow, hypers_ = 4, slots_ = [](int64 width) { return 2 * width; };
    if (name_ == "adagraddecay") rule_ = AdagradDecayRow, hypers_ = 4, slots_ = [](int64 width) { return width + 1; };
  }

 protected:
  Status Run(OpKernelContext* context, Table* table) override {
    const Tensor &keys = context->input(1), &counts = context->input(2), &gradient = context->input(3),
                 &place = context->input(4), &step = context->input(5), &hyper = context->input(6),
                 &initial = context->input(7);
    const int64 count = keys.NumElements(), width = table->config().width;
    const TensorShape rows({count, width});
    TF_RETURN_IF_ERROR(CheckShape("count", counts, keys.shape()));
    TF_RETURN_IF_ERROR(CheckShape("gradient", gradient, TensorShape({place.NumElements(), width})));
    std::vector<int32> of;  // the gradient of each key, or -1
    TF_RETURN_IF_ERROR(NumberGradients(place, count, &of));
    TF_RETURN_IF_ERROR(CheckShape("hyper", hyper, TensorShape({hypers_})));
    TF_RETURN_IF_ERROR(CheckShape("step", step, TensorShape({})));
    if (initial.NumElements() > 0) TF_RETURN_IF_ERROR(CheckShape("initial", initial, rows));
    if (table->config().stride() != width + slots_(width)) {
      return InvalidArgument("the table was made with ", table->config().stride() - width, " numbers of slots a row, ",
                             name_, " needs ", slots_(width), ".");
    }
    const float *g = gradient.flat<float>().data(), *numbers = hyper.flat<float>().data();
    const std::vector<float> none(width, 0.0f);
    table->Update(Integers(keys), Integers(counts), count, step.flat<int64>()(0),
                  initial.NumElements() > 0 ? initial.flat<float>().data() : nullptr, OnThreads(context),
                  [&](int64_t i, float* row) {
                    rule_(numbers, of[i] < 0 ? none.data() : g + of[i] * width, width, row);
                  });
    return Status::OK();
  }

 private:
  static Status NumberGradients(const Tensor& place, int64 count, std::vector<int32>* of) {
    const auto places = place.flat<int32>();
    of->assign(count, -1);
    for (int64 i = 0; i < places.size(); ++i) {
      if (places(i) < 0 || places(i) >= count || (*of)[places(i)] >= 0) {
        return InvalidArgument("a place must be of 0 to ", count - 1, " and come once. Got: ", places(i), ".");
      }
      (*of)[places(i)] = static_cast<int32>(i);
    }
    return Status::OK();
  }

  std::string name_;
  Rule rule_ = nullptr;
  int64 hypers_ = 0;
  int64 (*slots_)(int64) = nullptr;
};

class Export : public TableOp {
 public:
  explicit Export(OpKernelConstruction* context) : TableOp(context) {
    std::string evict;
    OP_REQUIRES_OK(context, context->GetAttr("evict", &evict));
    eviction_.rule = evict == "gstep" ? Eviction::kVersion : evict == "l2" ? Eviction::kNorm : Eviction::kNone;
    int64 steps_to_live;
    OP_REQUIRES_OK(context, context->GetAttr("steps_to_live", &steps_to_live));
    eviction_.steps_to_live = steps_to_live;
    OP_REQUIRES_OK(context, context->GetAttr("l2_threshold", &eviction_.half_squared_norm));
  }

 protected:
  Status Run(OpKernelContext* context, Table* table) override {
    const Tensor &step = context->input(1), &since = context->input(2);
    TF_RETURN_IF_ERROR(CheckShape("step", step, TensorShape({})));
    TF_RETURN_IF_ERROR(CheckShape("since", since, TensorShape({})));
    Eviction eviction = eviction_;
    eviction.step = step.flat<int64>()(0);
    Status status;
    const int64 width = table->config().width, slots = table->config().slots.size();
    std::vector<Tensor> spare;  // in place of an output for which there is no memory
    spare.reserve(8);
    const int32 first = since.flat<int32>()(0);
    table->Export(eviction, first, OnThreads(context), [&](int64_t rows, int64_t waiting) {
      const TensorShape shapes[] = {TensorShape({rows}), TensorShape({rows, width}), TensorShape({rows, slots}),
                                    TensorShape({rows}), TensorShape({rows}), TensorShape({waiting}),
                                    TensorShape({waiting}), TensorShape({waiting})};
      Tensor* made[8];
      for (int i = 0; i < 8; ++i) {
        made[i] = nullptr;
        const Status one = context->allocate_output(i, shapes[i], &made[i]);
        status.Update(one);
        if (one.ok()) continue;
        spare.emplace_back(context->expected_output_dtype(i), shapes[i]);
        made[i] = &spare.back();
      }
      const auto integers = [&](int i) { return reinterpret_cast<int64_t*>(made[i]->flat<int64>().data()); };
      return Arrays{integers(0), integers(3), integers(4), made[1]->flat<float>().data(),
                    made[2]->flat<float>().data(), integers(5), integers(6), integers(7)};
    });
    TF_RETURN_IF_ERROR(status);
    const std::vector<uint8_t> counters = first > 0 ? std::vector<uint8_t>() : table->BloomCounters();
    Tensor* bloom = nullptr;
    TF_RETURN_IF_ERROR(context->allocate_output(8, TensorShape({static_cast<int64>(counters.size())}), &bloom));
    std::copy(counters.begin(), counters.end(), bloom->flat<tensorflow::uint8>().data());
    return Status::OK();
  }

 private:
  Eviction eviction_;
};

class Mark : public TableOp {
 public:
  using TableOp::TableOp;

 protected:
  Status Run(OpKernelContext* context, Table* table) override {
    const Tensor &keys = context->input(1), &generation = context->input(2);
    TF_RETURN_IF_ERROR(CheckShape("generation", generation, TensorShape({})));
    table->Mark(Integers(keys), keys.NumElements(), generation.flat<int32>()(0), OnThreads(context));
    return Status::OK();
  }
};

class Import : public TableOp {
 public:
  explicit Import(OpKernelConstruction* context) : TableOp(context) {
    OP_REQUIRES_OK(context, context->GetAttr("part", &part_));
    OP_REQUIRES_OK(context, context->GetAttr("parts", &parts_));
    OP_REQUIRES(context, part_ < parts_, InvalidArgument("part must be < ", parts_, ". Got: ", part_, "."));
  }

 protected:
  Status Run(OpKernelContext* context, Table* table) override {
    const Tensor &keys = context->input(1), &values = context->input(2), &slots = context->input(3),
                 &bloom = context->input(9);
    const int64 count = keys.NumElements(), width = table->config().width, slot_width = table->config().slots.size();
    TF_RETURN_IF_ERROR(CheckShape("value", values, TensorShape({count, width})));
    const bool has_slots = slots.NumElements() > 0;
    if (has_slots) TF_RETURN_IF_ERROR(CheckShape("slot", slots, TensorShape({count, slot_width})));
    TF_RETURN_IF_ERROR(CheckShape("generation", context->input(10), TensorShape({})));
    for (int i : {4, 5}) TF_RETURN_IF_ERROR(CheckShape("frequency and version", context->input(i), keys.shape()));
    for (int i : {7, 8}) {
      TF_RETURN_IF_ERROR(CheckShape("what is noted of waiting keys", context->input(i), context->input(6).shape()));
    }
    const int64_t *key = Integers(keys), *frequency = Integers(context->input(4)), *version = Integers(context->input(5));
    const float *value = values.flat<float>().data(), *slot = has_slots ? slots.flat<float>().data() : nullptr;
    for (int64 i = 0; i < count; ++i) {
      if (!IsMine(key[i])) continue;
      table->Import(key + i, value + i * width, slot ? slot + i * slot_width : nullptr, frequency + i, version + i, 1,
                    context->input(10).flat<int32>()(0));
    }
    const int64_t *waiting = Integers(context->input(6)), *times = Integers(context->input(7)),
                  *last = Integers(context->input(8));
    for (int64 i = 0; i < context->input(6).NumElements(); ++i) {
      if (IsMine(waiting[i])) table->ImportWaiting(waiting + i, times + i, last + i, 1);
    }
    table->ImportBloom(bloom.flat<tensorflow::uint8>().data(), bloom.NumElements());
    return Status::OK();
  }

 private:
  bool IsMine(int64_t key) const { return static_cast<uint64_t>(key) % 1000 % parts_ == static_cast<uint64_t>(part_); }

  int64 part_, parts_;
};

class Size : public TableOp {
 public:
  using TableOp::TableOp;

 protected:
  Status Run(OpKernelContext* context, Table* table) override {
    int64_t numbers[3];
    table->Size(&numbers[0], &numbers[1], &numbers[2]);
    for (int i = 0; i < 3; ++i) TF_RETURN_IF_ERROR(OutputScalar<int64>(context, i, numbers[i]));
    return Status::OK();
  }
};

REGISTER_KERNEL_BUILDER(Name("ZooTableMake").Device(tensorflow::DEVICE_CPU), Make);
REGISTER_KERNEL_BUILDER(Name("ZooTableGather").Device(tensorflow::DEVICE_CPU), Gather);
REGISTER_KERNEL_BUILDER(Name("ZooTableFrequency").Device(tensorflow::DEVICE_CPU), GatherFrequency);
REGISTER_KERNEL_BUILDER(Name("ZooTableUpdate").Device(tensorflow::DEVICE_CPU), Update);
REGISTER_KERNEL_BUILDER(Name("ZooTableExport").Device(tensorflow::DEVICE_CPU), Export);
REGISTER_KERNEL_BUILDER(Name("ZooTableImport").Device(tensorflow::DEVICE_CPU), Import);
REGISTER_KERNEL_BUILDER(Name("ZooTableMark").Device(tensorflow::DEVICE_CPU), Mark);
REGISTER_KERNEL_BUILDER(Name("ZooTableSize").Device(tensorflow::DEVICE_CPU), Size);

}  // namespace
}  // namespace modelzoo
