// Parallel tasks on the threads of TensorFlow's intra-op pool.
#ifndef MODELZOO_PARALLEL_H_
#define MODELZOO_PARALLEL_H_

#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>

#include "tensorflow/core/framework/op_kernel.h"
#include "tensorflow/core/lib/core/threadpool.h"
#include "tensorflow/core/platform/mutex.h"

namespace modelzoo {

using tensorflow::int64;

constexpr int kSpins = 2000;  // some 50 microseconds

// Runs task(0) ... task(count - 1), each once, and returns when all have ended. The calling thread works too, so a busy
// pool delays nothing. Tasks must not depend on one another, so that results are the same whichever thread runs each.
inline void Parallel(tensorflow::OpKernelContext* context, int64 count, const std::function<void(int64)>& task) {
  const auto* workers = context->device()->tensorflow_cpu_worker_threads();
  const int64 helpers = std::min<int64>(workers->num_threads, count) - 1;
  if (helpers <= 0) {
    for (int64 i = 0; i < count; ++i) task(i);
    return;
  }
  struct Shared {
    std::atomic<int64> next{0}, done{0};
    tensorflow::mutex mu;
    tensorflow::condition_variable ended;
  };
  auto shared = std::make_shared<Shared>();  // outlives this call in helpers that start late
  auto work = [shared, count, &task] {
    for (int64 i; (i = shared->next++) < count;) {
      task(i);
      if (++shared->done == count) {
        tensorflow::mutex_lock lock(shared->mu);
        shared->ended.notify_all();
      }
    }
  };
  for (int64 i = 0; i < helpers; ++i) workers->workers->Schedule(work);
  work();
  // Spins first: the tasks still running end sooner than it takes to wake a sleeping thread.
  for (int spin = 0; spin < kSpins && shared->done < count; ++spin) __builtin_ia32_pause();
  tensorflow::mutex_lock lock(shared->mu);
  while (shared->done < count) shared->ended.wait(lock);
}

// Rows low to before high, of `total` in blocks.
struct Range {
  int64 low, high;
  int64 size() const { return high - low; }
};

inline int64 Blocks(int64 total, int64 size) { return (total + size - 1) / size; }

inline Range Block(int64 total, int64 size, int64 number) {
  return {number * size, std::min(total, (number + 1) * size)};
}

}  // namespace modelzoo

#endif  // MODELZOO_PARALLEL_H_
