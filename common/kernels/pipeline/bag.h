// Lists of ids in which order does not count: equal ids of a list become one, with their count.

#ifndef MODELZOO_BAG_H_
#define MODELZOO_BAG_H_

#include <stdint.h>
#include <string.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "shared/vector.h"

namespace zoo {

const int kSmall = 64;

typedef int32_t Four __attribute__((vector_size(16)));
typedef int32_t Eight __attribute__((vector_size(32)));
typedef int32_t Sixteen __attribute__((vector_size(64)));

// For each id of some vectors of them, adds how many of `size` ids are smaller.
template <typename Vector, int kVectors>
MODELZOO_INLINE void CountInVectors(const int32_t* ids, int64_t size, const int32_t* of, int32_t* smaller) {
  const int kLanes = sizeof(Vector) / sizeof(int32_t);
  Vector given[kVectors], counts[kVectors];
  for (int k = 0; k < kVectors; ++k) {  // each by itself, so that all of them stay in registers
    memcpy(&given[k], of + k * kLanes, sizeof(Vector));
    counts[k] = Vector{};
  }
  for (int64_t i = 0; i < size; ++i) {
    for (int k = 0; k < kVectors; ++k) counts[k] -= ids[i] < given[k];  // true is -1
  }
  for (int k = 0; k < kVectors; ++k) memcpy(smaller + k * kLanes, &counts[k], sizeof(Vector));
}

// The same of all ids, in vectors that fit the registers.
template <typename Vector>
MODELZOO_INLINE void CountSmallerBy(const int32_t* ids, int64_t size, int32_t* smaller) {
  const int64_t lanes = sizeof(Vector) / sizeof(int32_t);
  int64_t at = 0;
  for (; size - at > 3 * lanes; at += 4 * lanes) CountInVectors<Vector, 4>(ids, size, ids + at, smaller + at);
  if (size - at > 2 * lanes) return CountInVectors<Vector, 3>(ids, size, ids + at, smaller + at);
  if (size - at > lanes) return CountInVectors<Vector, 2>(ids, size, ids + at, smaller + at);
  if (size > at) CountInVectors<Vector, 1>(ids, size, ids + at, smaller + at);
}

// For each of `size` ids, how many of them are smaller. There must be room for kSmall of both. A compiler takes vectors
// apart that are longer than those of the CPU, so each kind of CPU has its own.
__attribute__((target("avx512f"))) inline void CountSmaller(const int32_t* ids, int64_t size, int32_t* smaller) {
  CountSmallerBy<Sixteen>(ids, size, smaller);
}
__attribute__((target("avx2"))) inline void CountSmaller(const int32_t* ids, int64_t size, int32_t* smaller) {
  CountSmallerBy<Eight>(ids, size, smaller);
}
__attribute__((target("default"))) inline void CountSmaller(const int32_t* ids, int64_t size, int32_t* smaller) {
  CountSmallerBy<Four>(ids, size, smaller);
}

// What is compared in place of ids: the upper halves of keys, which are not negative, written to `halves`. Keys seldom
// share theirs, and comparing whole keys takes several times as many instructions.
inline const int32_t* Compared(const int32_t* ids, int64_t, int32_t*) { return ids; }

inline const int32_t* Compared(const int64_t* ids, int64_t size, int32_t* halves) {
  memset(halves, 0, kSmall * sizeof(int32_t));
  for (int64_t i = 0; i < size; ++i) halves[i] = static_cast<int32_t>(ids[i] >> 32);
  return halves;
}

// Merges the items of one list: ids from 0, int32_t or int64_t, and how many items each has.
template <typename Id>
class Bag {
 public:
  // Empties the bag and makes room.
  void Clear(int64_t room) {
    size_ = 0;
    if (static_cast<int64_t>(ids_.size()) < room + kSmall) {
      ids_.resize(2 * room + kSmall);
      runs_.resize(2 * room + kSmall);
    }
  }
  void Add(Id id, int64_t times = 1) {
    ids_[size_] = id;
    runs_[size_++] = static_cast<int32_t>(times);
  }

  // Writes the different ids in ascending order, each with its count; returns how many there are.
  int64_t Merge(Id* ids, float* counts) {
    const int64_t kept = size_ <= kSmall ? MergeSmall(ids, counts) : -1;
    return kept >= 0 ? kept : MergeLarge(ids, counts);
  }

 private:
  // Equal ids have equally many smaller ones, which is their place; empty places are closed up. Comparing
  // each with each takes no branch that depends on the ids, and four fit into one instruction. Returns -1 where
  // different ids have the same place, as those of equal upper halves have.
  int64_t MergeSmall(Id* ids, float* counts) {
    Id sorted[kSmall];
    int32_t places[kSmall], halves[kSmall];
    float times[kSmall];
    memset(sorted, 0, size_ * sizeof(Id));
    memset(times, 0, size_ * sizeof(float));
    CountSmaller(Compared(ids_.data(), size_, halves), size_, places);
    bool clash = false;
    for (int64_t i = 0; i < size_; ++i) {
      const int32_t place = places[i];
      if (sizeof(Id) > sizeof(int32_t)) clash |= (times[place] > 0) & (sorted[place] != ids_[i]);
      sorted[place] = ids_[i];
      times[place] += static_cast<float>(runs_[i]);
    }
    if (clash) return -1;
    int64_t kept = 0;
    for (int64_t i = 0; i < size_; ++i) {
      ids[kept] = sorted[i];
      counts[kept] = times[i];
      kept += times[i] > 0;
    }
    return kept;
  }

  int64_t MergeLarge(Id* ids, float* counts) {
    pairs_.clear();
    for (int64_t i = 0; i < size_; ++i) pairs_.emplace_back(ids_[i], runs_[i]);
    std::sort(pairs_.begin(), pairs_.end());
    int64_t last = -1;
    for (const auto& pair : pairs_) {
      if (last < 0 || ids[last] != pair.first) {
        ids[++last] = pair.first;
        counts[last] = 0;
      }
      counts[last] += static_cast<float>(pair.second);
    }
    return last + 1;
  }

  int64_t size_ = 0;
  std::vector<Id> ids_;
  std::vector<int32_t> runs_;
  std::vector<std::pair<Id, int32_t>> pairs_;
};

}  // namespace zoo

#endif  // MODELZOO_BAG_H_
