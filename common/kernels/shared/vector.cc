#include "shared/vector.h"

namespace modelzoo {

MODELZOO_CLONES void Add(const float* RESTRICT from, int64_t count, float* RESTRICT to) {
  for (int64_t i = 0; i < count; ++i) to[i] += from[i];
}

MODELZOO_CLONES void AddScaled(float scale, const float* RESTRICT from, int64_t count, float* RESTRICT to) {
  for (int64_t i = 0; i < count; ++i) to[i] += scale * from[i];
}

}  // namespace modelzoo
