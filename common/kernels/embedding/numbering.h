// Numbers for keys, in the order of their first appearance.
#ifndef MODELZOO_NUMBERING_H_
#define MODELZOO_NUMBERING_H_

#include <cstdint>
#include <vector>

namespace modelzoo {

// Numbers 0, 1, 2, ...
template <class Key>
class Numbering {
 public:
  // The number of a key; a new one is appended to `keys`, which must hold exactly the keys with numbers.
  int32_t Of(Key key, std::vector<Key>* keys) {
    uint64_t at = Find(key);
    if (slots_[at].number < 0) {
      if (2 * keys->size() >= slots_.size()) {
        Grow(*keys);
        at = Find(key);
      }
      slots_[at] = {key, static_cast<int32_t>(keys->size())};
      keys->push_back(key);
    }
    return slots_[at].number;
  }

 private:
  struct Slot {
    Key key;
    int32_t number;  // -1: empty
  };

  // The place of a key, or where a new one goes.
  uint64_t Find(Key key) const {
    uint64_t at = static_cast<uint64_t>(key) * 0x9e3779b97f4a7c15ull >> (64 - bits_);
    while (slots_[at].number >= 0 && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    return at;
  }

  void Grow(const std::vector<Key>& keys) {
    bits_ += 2;
    slots_.assign(int64_t{1} << bits_, {0, -1});
    for (const Key& key : keys) {
      const int32_t number = static_cast<int32_t>(&key - keys.data());
      slots_[Find(key)] = {key, number};
    }
  }

  int bits_ = 8;  // as small as possible, to stay in the cache
  std::vector<Slot> slots_ = std::vector<Slot>(int64_t{1} << bits_, {0, -1});
};

// The same for keys from 0 to `limit` - 1: an array with a place for each.
class DirectNumbering {
 public:
  explicit DirectNumbering(int64_t limit) : numbers_(limit, -1) {}

  int32_t Of(int32_t key, std::vector<int32_t>* keys) {
    if (numbers_[key] < 0) {
      numbers_[key] = static_cast<int32_t>(keys->size());
      keys->push_back(key);
    }
    return numbers_[key];
  }

 private:
  std::vector<int32_t> numbers_;
};

}  // namespace modelzoo

#endif  // MODELZOO_NUMBERING_H_
