#include "optimizers/rules.h"

#include <algorithm>
#include <cmath>

namespace modelzoo {

MODELZOO_CLONES void Discount(float discount, float floor, int64_t count, float* accumulator) {
  for (int64_t i = 0; i < count; ++i) accumulator[i] = std::max(discount * accumulator[i], floor);
}

MODELZOO_CLONES void Adagrad(const float* RESTRICT g, float rate, int64_t count, float* RESTRICT w,
                             float* RESTRICT accumulator) {
  for (int64_t i = 0; i < count; ++i) {
    accumulator[i] += g[i] * g[i];
    w[i] -= rate * g[i] / std::sqrt(accumulator[i]);
  }
}

MODELZOO_CLONES void Adam(const float* RESTRICT g, float rate, float beta1, float beta2, float epsilon, int64_t count,
                          float* RESTRICT w, float* RESTRICT m, float* RESTRICT v) {
  for (int64_t i = 0; i < count; ++i) {
    m[i] = beta1 * m[i] + (1.0f - beta1) * g[i];
    v[i] = beta2 * v[i] + (1.0f - beta2) * g[i] * g[i];
    w[i] -= rate * m[i] / (std::sqrt(v[i]) + epsilon);
  }
}

MODELZOO_CLONES void MoveAverage(const float* RESTRICT value, float rate, int64_t count, float* RESTRICT average) {
  for (int64_t i = 0; i < count; ++i) average[i] -= rate * (average[i] - value[i]);
}

}  // namespace modelzoo
