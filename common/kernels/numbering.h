// Numbers for keys in the order in which they come first.
#ifndef MODELZOO_NUMBERING_H_
#define MODELZOO_NUMBERING_H_

#include <cstdint>
#include <vector>

namespace modelzoo {

// Numbers 0, 1, 2, ... for `most` keys at most.
template <class Key>
class Numbering {
 public:
  explicit Numbering(int64_t most) {
    while ((int64_t{1} << bits_) < 2 * most) ++bits_;
    slots_.assign(int64_t{1} << bits_, {0, -1});
  }

  // The number of a key; a new one is added to `keys`.
  int32_t Of(Key key, std::vector<Key>* keys) {
    uint64_t at = static_cast<uint64_t>(key) * 0x9e3779b97f4a7c15ull >> (64 - bits_);
    while (slots_[at].number >= 0 && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    if (slots_[at].number < 0) {
      slots_[at] = {key, static_cast<int32_t>(keys->size())};
      keys->push_back(key);
    }
    return slots_[at].number;
  }

 private:
  struct Slot {
    Key key;
    int32_t number;
  };
  int bits_ = 4;
  std::vector<Slot> slots_;
};

// The same for keys of 0 to `limit` - 1, with a place for each.
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
