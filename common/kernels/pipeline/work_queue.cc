// The ops of the work queue; the queue itself is in work_queue.h.
#include <string>
#include <vector>

#include "pipeline/work_queue.h"
#include "shared/op.h"
#include "shared/resource.h"
#include "tensorflow/core/framework/resource_op_kernel.h"

namespace modelzoo {
namespace {

Status NoOutput(InferenceContext*) { return Status::OK(); }

template <int N>
Status Scalars(InferenceContext* c) {
  for (int i = 0; i < N; ++i) c->set_output(i, c->Scalar());
  return Status::OK();
}

REGISTER_OP("ZooWorkQueue")
    .Output("handle: resource")
    .Attr("container: string = ''")
    .Attr("shared_name: string = ''")
    .SetIsStateful()
    .SetShapeFn(Scalars<1>)
    .Doc("A queue of work items, to be set before it is used.");

REGISTER_OP("ZooWorkQueueReset")
    .Input("handle: resource")
    .Input("bounds: int64")
    .Input("sizes: int64")
    .Input("groups: int64")
    .Input("epoch: int64")
    .Input("left: int64")
    .Input("skip: int64")
    .Attr("seed: int")
    .Attr("epochs: int >= 0")
    .Attr("shuffled: bool")
    .Attr("silent_secs: float")
    .SetIsStateful()
    .SetShapeFn(NoOutput)
    .Doc("Sets a queue: `epoch` epochs were begun and of them `left`, [N, 3] of epoch, item and rows done, is to do; the "
         "`skip` rows that come next are left out.");

REGISTER_OP("ZooWorkQueueIsSet")
    .Input("handle: resource")
    .Output("is_set: bool")
    .SetIsStateful()
    .SetShapeFn(Scalars<1>)
    .Doc("Whether a queue was set.");

REGISTER_OP("ZooWorkQueueTake")
    .Input("handle: resource")
    .Input("worker: string")
    .Output("answer: int64")
    .Output("epoch: int64")
    .Output("item: int64")
    .Output("done: int64")
    .SetIsStateful()
    .SetShapeFn(Scalars<4>)
    .Doc("Gives a worker an item of which `done` rows were trained (answer 0), nothing now (1), or nothing any more (2).");

REGISTER_OP("ZooWorkQueueAdvance")
    .Input("handle: resource")
    .Input("worker: string")
    .Input("rows: int64")
    .Output("strays: int64")
    .SetIsStateful()
    .SetShapeFn(Scalars<1>)
    .Doc("Notes that a worker trained rows of the file; strays: how many of them it does not have, or has no more.");

REGISTER_OP("ZooWorkQueueRelease")
    .Input("handle: resource")
    .Input("worker: string")
    .SetIsStateful()
    .SetShapeFn(NoOutput)
    .Doc("What a worker took and did not finish is given out again, before all else.");

REGISTER_OP("ZooWorkQueueState")
    .Input("handle: resource")
    .Output("epoch: int64")
    .Output("left: int64")
    .SetIsStateful()
    .SetShapeFn([](InferenceContext* c) {
      c->set_output(0, c->Scalar());
      c->set_output(1, c->Matrix(InferenceContext::kUnknownDim, 3));
      return Status::OK();
    })
    .Doc("The epochs begun and what of them is not trained, [N, 3] of epoch, item and rows done, as Reset takes them.");

class WorkQueueHandle : public tensorflow::ResourceOpKernel<WorkQueue> {
 public:
  using ResourceOpKernel::ResourceOpKernel;

 private:
  Status CreateResource(WorkQueue** queue) override {
    *queue = new WorkQueue;
    return Status::OK();
  }
};

using QueueOp = ResourceOp<WorkQueue>;

Status Worker(OpKernelContext* context, std::string* name) {
  const Tensor& worker = context->input(1);
  TF_RETURN_IF_ERROR(CheckShape("worker", worker, TensorShape({})));
  *name = worker.scalar<tensorflow::tstring>()();
  return Status::OK();
}

std::vector<int64> Vector(const Tensor& tensor) {
  const auto flat = tensor.flat<int64>();
  return std::vector<int64>(flat.data(), flat.data() + flat.size());
}

class ResetOp : public QueueOp {
 public:
  explicit ResetOp(OpKernelConstruction* context) : QueueOp(context) {
    float silent_secs;
    OP_REQUIRES_OK(context, context->GetAttr("seed", &plan_.seed));
    OP_REQUIRES_OK(context, context->GetAttr("epochs", &plan_.epochs));
    OP_REQUIRES_OK(context, context->GetAttr("shuffled", &plan_.shuffled));
    OP_REQUIRES_OK(context, context->GetAttr("silent_secs", &silent_secs));
    plan_.silent_secs = silent_secs;
  }

 protected:
  Status Run(OpKernelContext* context, WorkQueue* queue) override {
    Plan plan = plan_;
    plan.bounds = Vector(context->input(1));
    plan.sizes = Vector(context->input(2));
    plan.groups = Vector(context->input(3));
    TF_RETURN_IF_ERROR(CheckPlan(plan));
    const Tensor &epoch = context->input(4), &left = context->input(5), &skip = context->input(6);
    TF_RETURN_IF_ERROR(CheckShape("epoch", epoch, TensorShape({})));
    TF_RETURN_IF_ERROR(CheckShape("skip", skip, TensorShape({})));
    const int64 begun = epoch.scalar<int64>()(), skipped = skip.scalar<int64>()();
    if (begun < 0 || skipped < 0) {
      return InvalidArgument("epoch and skip must be >= 0. Got: ", begun, " and ", skipped, ".");
    }
    if (left.dims() != 2 || left.dim_size(1) != 3) {
      return InvalidArgument("left must be [N, 3]. Got: ", left.shape().DebugString(), ".");
    }
    const auto rows = left.matrix<int64>();
    std::vector<Entry> entries;
    for (int64 i = 0; i < left.dim_size(0); ++i) {
      entries.push_back({rows(i, 0), rows(i, 1), rows(i, 2), 0});
      TF_RETURN_IF_ERROR(CheckEntry(plan, begun, entries.back()));
    }
    queue->Reset(plan, begun, entries, skipped);
    return Status::OK();
  }

 private:
  Plan plan_;
};

class IsSetOp : public QueueOp {
 public:
  using QueueOp::ResourceOp;

 protected:
  Status Run(OpKernelContext* context, WorkQueue* queue) override { return OutputScalar(context, 0, queue->IsSet()); }
};

class TakeOp : public QueueOp {
 public:
  using QueueOp::ResourceOp;

 protected:
  Status Run(OpKernelContext* context, WorkQueue* queue) override {
    std::string worker;
    Answer answer = kNothingNow;
    Entry entry = {0, 0, 0, 0};
    TF_RETURN_IF_ERROR(Worker(context, &worker));
    TF_RETURN_IF_ERROR(queue->Take(worker, &answer, &entry));
    const int64 values[] = {answer, entry.epoch, entry.item, entry.done};
    for (int i = 0; i < 4; ++i) TF_RETURN_IF_ERROR(OutputScalar(context, i, values[i]));
    return Status::OK();
  }
};

class AdvanceOp : public QueueOp {
 public:
  using QueueOp::ResourceOp;

 protected:
  Status Run(OpKernelContext* context, WorkQueue* queue) override {
    std::string worker;
    int64 strays = 0;
    TF_RETURN_IF_ERROR(Worker(context, &worker));
    const auto rows = context->input(2).flat<int64>();
    TF_RETURN_IF_ERROR(queue->Advance(worker, rows.data(), rows.size(), &strays));
    return OutputScalar(context, 0, strays);
  }
};

class ReleaseOp : public QueueOp {
 public:
  using QueueOp::ResourceOp;

 protected:
  Status Run(OpKernelContext* context, WorkQueue* queue) override {
    std::string worker;
    TF_RETURN_IF_ERROR(Worker(context, &worker));
    return queue->Release(worker);
  }
};

class StateOp : public QueueOp {
 public:
  using QueueOp::ResourceOp;

 protected:
  Status Run(OpKernelContext* context, WorkQueue* queue) override {
    int64 epoch = 0;
    std::vector<Entry> entries;
    TF_RETURN_IF_ERROR(queue->State(&epoch, &entries));
    TF_RETURN_IF_ERROR(OutputScalar(context, 0, epoch));
    Tensor* left = nullptr;
    TF_RETURN_IF_ERROR(context->allocate_output(1, TensorShape({static_cast<int64>(entries.size()), 3}), &left));
    auto rows = left->matrix<int64>();
    for (size_t i = 0; i < entries.size(); ++i) {
      rows(i, 0) = entries[i].epoch;
      rows(i, 1) = entries[i].item;
      rows(i, 2) = entries[i].done;
    }
    return Status::OK();
  }
};

REGISTER_KERNEL_BUILDER(Name("ZooWorkQueue").Device(tensorflow::DEVICE_CPU), WorkQueueHandle);
REGISTER_KERNEL_BUILDER(Name("ZooWorkQueueReset").Device(tensorflow::DEVICE_CPU), ResetOp);
REGISTER_KERNEL_BUILDER(Name("ZooWorkQueueIsSet").Device(tensorflow::DEVICE_CPU), IsSetOp);
REGISTER_KERNEL_BUILDER(Name("ZooWorkQueueTake").Device(tensorflow::DEVICE_CPU), TakeOp);
REGISTER_KERNEL_BUILDER(Name("ZooWorkQueueAdvance").Device(tensorflow::DEVICE_CPU), AdvanceOp);
REGISTER_KERNEL_BUILDER(Name("ZooWorkQueueRelease").Device(tensorflow::DEVICE_CPU), ReleaseOp);
REGISTER_KERNEL_BUILDER(Name("ZooWorkQueueState").Device(tensorflow::DEVICE_CPU), StateOp);

}  // namespace
}  // namespace modelzoo
