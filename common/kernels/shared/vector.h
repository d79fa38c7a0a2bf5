// Loops over floats, compiled for several generations of CPUs; the one to run is chosen at load time.
#ifndef MODELZOO_VECTOR_H_
#define MODELZOO_VECTOR_H_

#include <cstdint>
#include <cstring>

// No other pointer of the same function leads to what this one points to.
#define RESTRICT __restrict__

#define MODELZOO_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#define MODELZOO_INLINE inline __attribute__((always_inline))

namespace modelzoo {

// to += from, and to += scale from.
void Add(const float* RESTRICT from, int64_t count, float* RESTRICT to);
void AddScaled(float scale, const float* RESTRICT from, int64_t count, float* RESTRICT to);

// e to the power of x to 1e-7 of it, without branches, so that a loop over it becomes vector instructions: 0 and
// infinity where a float cannot hold it, NaN of NaN. x = n ln 2 + r with a whole n, and e^x = 2^n e^r.
MODELZOO_INLINE float Exp(float x) {
  x = x < -104.0f ? -104.0f : x;
  x = x > 89.0f ? 89.0f : x;
  const float shifted = x * 1.44269504f + 12582912.0f;  // 1.5 * 2^23: the last bits of the sum are n
  const float n = shifted - 12582912.0f;
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float power = 1.98919821e-4f;
  power = power * r + 1.39345415e-3f;
  power = power * r + 8.33331048e-3f;
  power = power * r + 4.16664556e-2f;
  power = power * r + 1.66666672e-1f;
  power = power * r + 0.5f;
  power = power * r * r + r + 1.0f;
  int32_t bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  const int32_t whole = bits - 0x4b400000, half = whole >> 1;
  const int32_t first_bits = (half + 127) << 23, second_bits = (whole - half + 127) << 23;
  float first, second;  // 2^n in two factors, as it may be too large or too small for one
  std::memcpy(&first, &first_bits, sizeof first);
  std::memcpy(&second, &second_bits, sizeof second);
  return power * first * second;
}

MODELZOO_INLINE float Sigmoid(float x) { return 1.0f / (1.0f + Exp(-x)); }

}  // namespace modelzoo

#endif  // MODELZOO_VECTOR_H_
