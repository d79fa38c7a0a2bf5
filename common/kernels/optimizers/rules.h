// The rules by which optimizers update `count` weights, for variables and embedding variables alike.
#ifndef MODELZOO_RULES_H_
#define MODELZOO_RULES_H_

#include <cstdint>

#include "shared/vector.h"

namespace modelzoo {

// accumulator = max(discount accumulator, floor).
void Discount(float discount, float floor, int64_t count, float* accumulator);

// accumulator += g^2, w -= rate g / sqrt(accumulator).
void Adagrad(const float* RESTRICT g, float rate, int64_t count, float* RESTRICT w, float* RESTRICT accumulator);

// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2, w -= rate m / (sqrt(v) + epsilon).
void Adam(const float* RESTRICT g, float rate, float beta1, float beta2, float epsilon, int64_t count,
          float* RESTRICT w, float* RESTRICT m, float* RESTRICT v);

// average -= rate (average - value).
void MoveAverage(const float* RESTRICT value, float rate, int64_t count, float* RESTRICT average);

}  // namespace modelzoo

#endif  // MODELZOO_RULES_H_
