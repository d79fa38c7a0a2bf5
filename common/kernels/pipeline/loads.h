// Numbers as they lie in memory, at any address.

#ifndef MODELZOO_LOADS_H_
#define MODELZOO_LOADS_H_

#include <stdint.h>
#include <string.h>

namespace zoo {

inline uint64_t Load64(const void* at) {
  uint64_t value;
  memcpy(&value, at, sizeof(value));
  return value;
}

inline uint64_t Load32(const void* at) {
  uint32_t value;
  memcpy(&value, at, sizeof(value));
  return value;
}

}  // namespace zoo

#endif  // MODELZOO_LOADS_H_
