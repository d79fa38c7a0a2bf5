// Mixtures of experts: y_g = sum_j softmax(logits_g)_j expert_(j-th member of gate g), for all gates at once.
#include <cmath>
#include <vector>

#include "shared/op.h"
#include "shared/parallel.h"
#include "shared/vector.h"

namespace modelzoo {
namespace {

constexpr int64 kRows = 64;  // rows of a task

REGISTER_OP("ZooMix")
    .Input("expert: E * float")
    .Input("logits: G * float")
    .Output("y: G * float")
    .Attr("E: int >= 1")
    .Attr("G: int >= 1")
    .Attr("members: list(int)")
    .SetShapeFn([](InferenceContext* c) {
      int gates;
      TF_RETURN_IF_ERROR(c->GetAttr("G", &gates));
      for (int i = 0; i < gates; ++i) c->set_output(i, c->input(0));
      return Status::OK();
    })
    .Doc("Each gate's softmax-weighted sum of its experts; members lists the experts of gate 0, then of gate 1, ...");

REGISTER_OP("ZooMixGrad")
    .Input("expert: E * float")
    .Input("logits: G * float")
    .Input("dy: G * float")
    .Output("dexpert: E * float")
    .Output("dlogits: G * float")
    .Attr("E: int >= 1")
    .Attr("G: int >= 1")
    .Attr("members: list(int)")
    .SetShapeFn([](InferenceContext* c) {
      int experts, gates;
      TF_RETURN_IF_ERROR(c->GetAttr("E", &experts));
      TF_RETURN_IF_ERROR(c->GetAttr("G", &gates));
      for (int i = 0; i < experts + gates; ++i) c->set_output(i, c->input(i));
      return Status::OK();
    })
    .Doc("The gradients of ZooMix from those of its outputs.");

// The dot product, summed in eight lanes.
MODELZOO_CLONES float Dot(const float* RESTRICT a, const float* RESTRICT b, int64 count) {
  float lanes[8] = {0};
  int64 i = 0;
  for (; i + 8 <= count; i += 8) {
    for (int lane = 0; lane < 8; ++lane) lanes[lane] += a[i + lane] * b[i + lane];
  }
  for (; i < count; ++i) lanes[0] += a[i] * b[i];
  float sum = 0.0f;
  for (float lane : lanes) sum += lane;
  return sum;
}

void Softmax(const float* logits, int64 count, float* weights) {
  float highest = logits[0], sum = 0.0f;
  for (int64 i = 1; i < count; ++i) highest = std::max(highest, logits[i]);
  for (int64 i = 0; i < count; ++i) sum += weights[i] = std::exp(logits[i] - highest);
  for (int64 i = 0; i < count; ++i) weights[i] /= sum;
}

class Mixtures : public OpKernel {
 public:
  explicit Mixtures(OpKernelConstruction* context) : OpKernel(context) {
    OP_REQUIRES_OK(context, context->GetAttr("E", &experts_));
    OP_REQUIRES_OK(context, context->GetAttr("members", &members_));
    for (int member : members_) {
      OP_REQUIRES(context, member >= 0 && member < experts_,
                  InvalidArgument("members must be of 0 to ", experts_ - 1, ". Got: ", member, "."));
    }
  }

 protected:
  Status Check(const OpInputList& expert, const OpInputList& logits) const {
    int64 members = 0;
    for (const Tensor& one : expert) {
      if (one.dims() != 2 || one.shape() != expert[0].shape()) {
        return InvalidArgument("experts must be [B, H] of one shape. Got: ", expert[0].shape().DebugString(), " and ",
                               one.shape().DebugString(), ".");
      }
    }
    for (const Tensor& gate : logits) {
      if (gate.dims() != 2 || gate.dim_size(0) != expert[0].dim_size(0) || gate.dim_size(1) < 1) {
        return InvalidArgument("logits must be [", expert[0].dim_size(0), ", experts]. Got: ",
                               gate.shape().DebugString(), ".");
      }
      members += gate.dim_size(1);
    }
    if (members != static_cast<int64>(members_.size())) {
      return InvalidArgument("the gates have ", members, " logits a row and ", members_.size(), " members.");
    }
    return Status::OK();
  }

  static std::vector<const float*> Data(const OpInputList& tensors) {
    std::vector<const float*> data;
    for (const Tensor& tensor : tensors) data.push_back(tensor.flat<float>().data());
    return data;
  }

  int experts_;
  std::vector<int> members_;
};

class Mix : public Mixtures {
 public:
  using Mixtures::Mixtures;

  void Compute(OpKernelContext* context) override {
    OpInputList expert, logits;
    OP_REQUIRES_OK(context, context->input_list("expert", &expert));
    OP_REQUIRES_OK(context, context->input_list("logits", &logits));
    OP_REQUIRES_OK(context, Check(expert, logits));
    std::vector<float*> y;
    OP_REQUIRES_OK(context, Allocate(context, "y", std::vector<TensorShape>(logits.size(), expert[0].shape()), &y));
    const auto of_expert = Data(expert), of_logits = Data(logits);
    const int64 rows = expert[0].dim_size(0), width = expert[0].dim_size(1);
    Parallel(context, Blocks(rows, kRows), [&](int64 task) {
      std::vector<float> weights(members_.size());
      const Range range = Block(rows, kRows, task);
      for (int64 row = range.low; row < range.high; ++row) {
        const int* member = members_.data();
        for (int gate = 0; gate < logits.size(); ++gate) {
          const int64 count = logits[gate].dim_size(1);
          float* out = y[gate] + row * width;
          Softmax(of_logits[gate] + row * count, count, weights.data());
          std::fill(out, out + width, 0.0f);
          for (int64 j = 0; j < count; ++j) AddScaled(weights[j], of_expert[*member++] + row * width, width, out);
        }
      }
    });
  }
};

class MixGrad : public Mixtures {
 public:
  using Mixtures::Mixtures;

  void Compute(OpKernelContext* context) override {
    OpInputList expert, logits, dy;
    OP_REQUIRES_OK(context, context->input_list("expert", &expert));
    OP_REQUIRES_OK(context, context->input_list("logits", &logits));
    OP_REQUIRES_OK(context, context->input_list("dy", &dy));
    OP_REQUIRES_OK(context, Check(expert, logits));
    for (const Tensor& upstream : dy) {
      OP_REQUIRES(context, upstream.shape() == expert[0].shape(),
                  InvalidArgument("dy must be of shape ", expert[0].shape().DebugString(), ". Got: ",
                                  upstream.shape().DebugString(), "."));
    }
    std::vector<float*> dexpert, dlogits;
    OP_REQUIRES_OK(context, Allocate(context, "dexpert", ShapesOf(expert), &dexpert));
    OP_REQUIRES_OK(context, Allocate(context, "dlogits", ShapesOf(logits), &dlogits));
    const auto of_expert = Data(expert), of_logits = Data(logits), of_dy = Data(dy);
    const int64 rows = expert[0].dim_size(0), width = expert[0].dim_size(1);
    Parallel(context, Blocks(rows, kRows), [&](int64 task) {
      const Range range = Block(rows, kRows, task);
      for (float* out : dexpert) std::fill(out + range.low * width, out + range.high * width, 0.0f);
      std::vector<float> weights(members_.size());
      for (int64 row = range.low; row < range.high; ++row) {
        const int* member = members_.data();
        for (int gate = 0; gate < logits.size(); ++gate) {
          const int64 count = logits[gate].dim_size(1);
          const float* upstream = of_dy[gate] + row * width;
          float *out = dlogits[gate] + row * count, mean = 0.0f;
          Softmax(of_logits[gate] + row * count, count, weights.data());
          for (int64 j = 0; j < count; ++j) {
            out[j] = Dot(upstream, of_expert[member[j]] + row * width, width);
            mean += weights[j] * out[j];
            AddScaled(weights[j], upstream, width, dexpert[member[j]] + row * width);
          }
          for (int64 j = 0; j < count; ++j) out[j] = weights[j] * (out[j] - mean);
          member += count;
        }
      }
    });
  }
};

REGISTER_KERNEL_BUILDER(Name("ZooMix").Device(tensorflow::DEVICE_CPU), Mix);
REGISTER_KERNEL_BUILDER(Name("ZooMixGrad").Device(tensorflow::DEVICE_CPU), MixGrad);

}  // namespace
}  // namespace modelzoo
