// Columns of lists to ids and numbers. common/kernels/columns.py says what each function does; all of them give what
// its NumPy counterpart in common/lists.py gives.

#include <algorithm>
#include <utility>
#include <vector>

#include "texts.h"

using zoo::Ids;
using zoo::Text;
using zoo::Texts;
using zoo::Words;

namespace {

const int kSmall = 64;

typedef int32_t Four __attribute__((vector_size(16)));

// For each of the ids, of which `size` in blocks of 4 are given, how many are smaller.
template <int kBlocks>
void CountSmaller(const int32_t* ids, int64_t size, int32_t* smaller) {
  Four given[kBlocks], counts[kBlocks];
  memcpy(given, ids, sizeof(given));
  memset(counts, 0, sizeof(counts));
  for (int64_t i = 0; i < size; ++i) {
    const Four id = {ids[i], ids[i], ids[i], ids[i]};
    for (int block = 0; block < kBlocks; ++block) counts[block] -= id < given[block];  // true is -1
  }
  memcpy(smaller, counts, sizeof(counts));
}

void CountSmaller(const int32_t* ids, int64_t size, int32_t* smaller) {
  if (size <= 8) return CountSmaller<2>(ids, size, smaller);
  if (size <= 16) return CountSmaller<4>(ids, size, smaller);
  if (size <= 24) return CountSmaller<6>(ids, size, smaller);
  if (size <= 32) return CountSmaller<8>(ids, size, smaller);
  if (size <= 48) return CountSmaller<12>(ids, size, smaller);
  CountSmaller<16>(ids, size, smaller);
}

// The items of one list that are merged: ids, and how many stand there for each.
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
  void Add(int32_t id) {
    ids_[size_] = id;
    runs_[size_++] = 1;
  }
  void AddLastAgain() { ++runs_[size_ - 1]; }

  // Writes the different ids in ascending order, each with its count; returns how many there are.
  int64_t Merge(int32_t* ids, float* counts) {
    return size_ <= kSmall ? MergeSmall(ids, counts) : MergeLarge(ids, counts);
  }

 private:
  // Equal ids have equally many smaller ones, which is their place; places that stay empty are closed up. Comparing
  // each with each takes no branch that depends on the ids, and four fit into one instruction.
  int64_t MergeSmall(int32_t* ids, float* counts) {
    int32_t places[kSmall], sorted[kSmall] = {0}, times[kSmall] = {0};
    CountSmaller(ids_.data(), size_, places);
    for (int64_t i = 0; i < size_; ++i) {
      sorted[places[i]] = ids_[i];
      times[places[i]] += runs_[i];
    }
    int64_t kept = 0;
    for (int64_t i = 0; i < size_; ++i) {
      ids[kept] = sorted[i];
      counts[kept] = static_cast<float>(times[i]);
      kept += times[i] > 0;
    }
    return kept;
  }

  int64_t MergeLarge(int32_t* ids, float* counts) {
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
  std::vector<int32_t> ids_, runs_;
  std::vector<std::pair<int32_t, int32_t>> pairs_;
};

// Cuts texts into items; an empty text has none.
class Items {
 public:
  Items(const Texts& texts, char separator) : texts_(texts), separator_(separator), size_(0) {}

  void Cut(int64_t i) {
    text_ = texts_[i];
    // Items are read with up to 8 bytes that stand before their end.
    if (text_.begin == texts_.missing || text_.begin - texts_.data < 8) {
      padded_.assign(8, '\0');
      padded_.insert(padded_.end(), text_.begin, text_.end);
      text_ = Text{padded_.data() + 8, padded_.data() + padded_.size()};
    }
    if (static_cast<int64_t>(stops_.size()) < text_.size() + 16) stops_.resize(2 * text_.size() + 16);
    size_ = text_.size() ? zoo::FindAll(text_, separator_, separator_, stops_.data()) + 1 : 0;
    if (size_) stops_[size_ - 1] = static_cast<int32_t>(text_.size());
  }

  int64_t size() const { return size_; }
  Text operator[](int64_t i) const {
    return Text{text_.begin + (i ? stops_[i - 1] + 1 : 0), text_.begin + stops_[i]};
  }
  // The bytes of an item that has 1 to 8.
  static uint64_t Word(const Text& item) { return zoo::ShortWord(item.end, item.size()); }
  // Whether two items are equal and have at most 8 bytes.
  static bool AreTwins(const Text& one, const Text& other) {
    const int64_t size = one.size();
    return size == other.size() && size <= 8 && (size == 0 || Word(one) == Word(other));
  }

 private:
  const Texts& texts_;
  char separator_;
  int64_t size_;
  Text text_;
  std::vector<char> padded_;
  std::vector<int32_t> stops_;
};

}  // namespace

extern "C" {

// Returns the number of values, or -1 where an item is not among the words.
int64_t zoo_merged_lists(const Texts* texts, char separator, const Words* words, uint64_t buckets, int32_t* values,
                         float* weights, int64_t* row_splits, int32_t* lengths) {
  const Ids ids(words, buckets);
  Items items(*texts, separator);
  Bag bag;
  int64_t count = 0;
  row_splits[0] = 0;
  for (int64_t i = 0; i < texts->size; ++i) {
    items.Cut(i);
    bag.Clear(items.size());
    uint64_t last_word = 0;
    int64_t last_size = 9;
    for (int64_t j = 0; j < items.size(); ++j) {
      const Text item = items[j];
      const int64_t size = item.size();
      if (!size) continue;
      const uint64_t word = size <= 8 ? Items::Word(item) : 0;
      if ((word == last_word) & (size == last_size) & (size <= 8)) {
        bag.AddLastAgain();
        continue;
      }
      last_word = word;
      last_size = size;
      const int32_t id = ids(item, word);
      if (id < 0) return -1;
      bag.Add(id);
    }
    lengths[i] = static_cast<int32_t>(items.size());
    count += bag.Merge(values + count, weights + count);
    row_splits[i + 1] = count;
  }
  return count;
}

// The newest items of each list in their order, -1 for what is not among the words; returns the number of values.
int64_t zoo_sequences(const Texts* texts, char separator, const Words* words, uint64_t buckets, int64_t newest,
                      int32_t* values, int64_t* row_splits, int32_t* lengths) {
  const Ids ids(words, buckets);
  Items items(*texts, separator);
  int64_t count = 0;
  row_splits[0] = 0;
  for (int64_t i = 0; i < texts->size; ++i) {
    items.Cut(i);
    const int64_t first = std::max<int64_t>(0, items.size() - newest);
    for (int64_t j = first; j < items.size(); ++j) values[count++] = ids(items[j]);
    row_splits[i + 1] = count;
    lengths[i] = static_cast<int32_t>(items.size());
  }
  return count;
}

// The mean of each list's numbers, empty items left out; returns 0 where an item is no plain decimal number. Equal
// neighbours of at most 8 bytes are added as one product, as in common/lists.py.
int zoo_list_means(const Texts* texts, char separator, double of_empty, double* out, int32_t* lengths) {
  Items items(*texts, separator);
  for (int64_t i = 0; i < texts->size; ++i) {
    items.Cut(i);
    double sum = 0, count = 0, number = 0;
    for (int64_t j = 0, next; j < items.size(); j = next) {
      for (next = j + 1; next < items.size() && Items::AreTwins(items[next], items[j]);) ++next;
      if (!items[j].size()) continue;
      if (!zoo::ParseNumber(items[j], &number)) return 0;
      const double run = static_cast<double>(next - j);
      sum += number * run;
      count += run;
    }
    out[i] = count > 0 ? sum / count : of_empty;
    lengths[i] = static_cast<int32_t>(items.size());
  }
  return 1;
}

// Merges the equal ids of lists of codes into ids; -1 is left out. Returns the number of values.
int64_t zoo_merge(const int32_t* codes, const int64_t* splits, int64_t size, const int32_t* ids, int32_t* values,
                  float* weights, int64_t* row_splits) {
  Bag bag;
  int64_t count = 0;
  row_splits[0] = 0;
  for (int64_t i = 0; i < size; ++i) {
    bag.Clear(splits[i + 1] - splits[i]);
    for (int64_t j = splits[i]; j < splits[i + 1]; ++j) {
      if (ids[codes[j]] >= 0) bag.Add(ids[codes[j]]);
    }
    count += bag.Merge(values + count, weights + count);
    row_splits[i + 1] = count;
  }
  return count;
}

// The mean of the numbers of each list of codes, NaN left out.
void zoo_means(const int32_t* codes, const int64_t* splits, int64_t size, const double* numbers, double of_empty,
               double* out) {
  for (int64_t i = 0; i < size; ++i) {
    double sum = 0, count = 0;
    for (int64_t j = splits[i]; j < splits[i + 1]; ++j) {
      const double number = numbers[codes ? codes[j] : j];
      if (number != number) continue;
      sum += number;
      count += 1;
    }
    out[i] = count > 0 ? sum / count : of_empty;
  }
}

// Where the chosen rows' lists begin once they lie one after another; returns where the last one ends.
int64_t zoo_gather_splits(const int64_t* splits, const int64_t* rows, int64_t size, int64_t* row_splits) {
  int64_t end = 0;
  row_splits[0] = 0;
  for (int64_t i = 0; i < size; ++i) {
    end += splits[rows[i] + 1] - splits[rows[i]];
    row_splits[i + 1] = end;
  }
  return end;
}

// Copies the chosen rows' lists of 4-byte values one after another.
void zoo_gather(const int32_t* values, const int64_t* splits, const int64_t* rows, int64_t size, int32_t* out) {
  for (int64_t i = 0; i < size; ++i) {
    const int64_t low = splits[rows[i]], length = splits[rows[i] + 1] - low;
    for (int64_t j = 0; j < length; ++j) out[j] = values[low + j];
    out += length;
  }
}

}  // extern "C"
