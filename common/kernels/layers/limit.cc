// How fast this machine computes a model's products and nothing else, on all threads at once.
#include <chrono>
#include <vector>

#include "layers/gemm.h"
#include "shared/op.h"
#include "shared/parallel.h"

namespace modelzoo {
namespace {

REGISTER_OP("ZooProductsSecs")
    .Output("secs: double")
    .Attr("m: list(int)")
    .Attr("n: list(int)")
    .Attr("k: list(int)")
    .Attr("rounds: int >= 1")
    .Attr("precision: {'float', 'rounded', 'bfloat16'} = 'float'")
    .SetIsStateful()
    .SetShapeFn([](tensorflow::shape_inference::InferenceContext* c) {
      c->set_output(0, c->Scalar());
      return tensorflow::Status::OK();
    })
    .Doc("The seconds in which each thread computes products of [m, k] and [k, n] of all the sizes, `rounds` times.");

class ProductsSecs : public OpKernel {
 public:
  explicit ProductsSecs(OpKernelConstruction* context) : OpKernel(context) {
    std::string precision;
    OP_REQUIRES_OK(context, context->GetAttr("m", &m_));
    OP_REQUIRES_OK(context, context->GetAttr("n", &n_));
    OP_REQUIRES_OK(context, context->GetAttr("k", &k_));
    OP_REQUIRES_OK(context, context->GetAttr("rounds", &rounds_));
    OP_REQUIRES_OK(context, context->GetAttr("precision", &precision));
    OP_REQUIRES_OK(context, ParsePrecision(precision, &precision_));
    OP_REQUIRES(context, m_.size() == n_.size() && m_.size() == k_.size(),
                InvalidArgument("m, n and k must be as many. Got: ", m_.size(), ", ", n_.size(), " and ", k_.size(),
                                "."));
  }

  void Compute(OpKernelContext* context) override {
    Tensor* secs = nullptr;
    OP_REQUIRES_OK(context, context->allocate_output(0, TensorShape({}), &secs));
    Products products(precision_);
    Run(&products, 1);  // so that oneDNN has compiled them
    const auto began = std::chrono::steady_clock::now();
    Parallel(context, context->device()->tensorflow_cpu_worker_threads()->num_threads,
             [&](int64) { Run(&products, rounds_); });
    secs->scalar<double>()() = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    OP_REQUIRES_OK(context, products.status());
  }

 private:
  void Run(Products* products, int rounds) const {
    std::vector<std::vector<float>> a, b, c;
    for (size_t i = 0; i < m_.size(); ++i) {
      a.emplace_back(m_[i] * k_[i], 0.5f);
      b.emplace_back(k_[i] * n_[i], 0.5f);
      c.emplace_back(m_[i] * n_[i]);
    }
    for (int round = 0; round < rounds; ++round) {
      for (size_t i = 0; i < m_.size(); ++i) {
        products->Multiply(m_[i], n_[i], k_[i], {a[i].data(), k_[i]}, {b[i].data(), n_[i]}, false, c[i].data(), n_[i]);
      }
    }
  }

  std::vector<tensorflow::int64> m_, n_, k_;
  int rounds_;
  Precision precision_;
};

REGISTER_KERNEL_BUILDER(Name("ZooProductsSecs").Device(tensorflow::DEVICE_CPU), ProductsSecs);

}  // namespace
}  // namespace modelzoo
