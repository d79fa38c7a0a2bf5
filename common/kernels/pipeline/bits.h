// Numbers of few bits as Parquet packs them; nothing behind the end of the bytes is read.

#ifndef MODELZOO_BITS_H_
#define MODELZOO_BITS_H_

#include <stdint.h>
#include <string.h>

#include <algorithm>

#include "pipeline/loads.h"

namespace zoo {

struct Bytes {
  const uint8_t* at;
  const uint8_t* end;

  int64_t size() const { return end - at; }
};

// Copies the first bytes of `in`; short texts, of which most are, by one store of 16 bytes. Behind what is copied there
// must be room for what follows it in `in`.
inline void CopyText(Bytes in, int64_t size, uint8_t* to) {
  if (size <= 16 && in.size() >= 16) {
    memcpy(to, in.at, 16);
  } else {
    memcpy(to, in.at, size);
  }
}

// Reads a number of up to 5 bytes; false if it does not end before.
inline bool ReadVarint(Bytes* in, uint64_t* number) {
  *number = 0;
  for (int shift = 0; shift < 35 && in->at < in->end; shift += 7) {
    const uint64_t byte = *in->at++;
    *number |= (byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

// Numbers of 1 to 32 bits each, one behind the other; all their bytes must be there.
template <typename T>
void Unpack(Bytes in, int bits, int64_t count, T* out) {
  const uint64_t mask = (1ULL << bits) - 1;
  const int64_t whole = in.size() < 8 ? 0 : std::min(count, (in.size() - 8) * 8 / bits);
  for (int64_t i = 0; i < whole; ++i) {
    const int64_t bit = i * bits;
    out[i] = static_cast<T>(Load64(in.at + (bit >> 3)) >> (bit & 7) & mask);
  }
  for (int64_t i = whole; i < count; ++i) {
    const int64_t bit = i * bits;
    uint8_t last[8] = {0};
    memcpy(last, in.at + (bit >> 3), std::min<int64_t>(8, in.size() - (bit >> 3)));
    out[i] = static_cast<T>(Load64(last) >> (bit & 7) & mask);
  }
}

// Levels, numbers of 1 or 2 bits: those of a byte at a time, by numbers that hold each in a byte of its own.
inline void Unpack(Bytes in, int bits, int64_t count, uint8_t* out) {
  const int64_t step = 8 / bits;
  for (int64_t i = 0; i < count; i += step) {
    const uint64_t byte = *in.at++;
    uint64_t levels = (byte | byte << 6 | byte << 12 | byte << 18) & 0x03030303;
    if (bits == 1) {
      const uint64_t each = byte * 0x0101010101010101ULL & 0x8040201008040201ULL;
      levels = (each + 0x7f7f7f7f7f7f7f7fULL) >> 7 & 0x0101010101010101ULL;
    }
    memcpy(out + i, &levels, std::min(step, count - i));
  }
}

// Parquet's mixture of packed numbers and of runs of equal ones; false if it ends too early.
template <typename T>
bool ReadHybrid(Bytes in, int bits, int64_t count, T* out) {
  if (!bits) std::fill(out, out + count, T(0));
  for (int64_t done = 0; bits && done < count;) {
    uint64_t head;
    if (!ReadVarint(&in, &head)) return false;
    const int64_t told = static_cast<int64_t>(head >> 1) * (head & 1 ? 8 : 1), some = std::min(told, count - done);
    if (head & 1) {
      if ((some * bits + 7) / 8 > in.size()) return false;
      Unpack(in, bits, some, out + done);
      in.at += std::min(in.size(), told / 8 * bits);
    } else {
      const int64_t size = (bits + 7) / 8;
      if (size > in.size()) return false;
      uint64_t value = 0;
      memcpy(&value, in.at, size);
      in.at += size;
      std::fill(out + done, out + done + some, static_cast<T>(value));
    }
    done += some;
  }
  return true;
}

}  // namespace zoo

#endif  // MODELZOO_BITS_H_
