// Columns of lists to ids and numbers. common/kernels/columns.py says what each function does; all of them give what its NumPy
// counterpart in common/lists.py gives.

#include <algorithm>
#include <utility>
#include <vector>

#include "texts.h"

using zoo::Ids;
using zoo::Text;
using zoo::Texts;
using zoo::Words;

namespace {

const int64_t kSmall = 64;

// The different ids of one list in ascending order, each with how often it was added.
class Merged {
 public:
  Merged(int32_t* ids, float* counts) : ids_(ids), counts_(counts), size_(0) {}

  // The place is looked for from the end: lists of this length are sorted fastest so, and runs cost nothing.
  void Add(int32_t id, int64_t count) {
    int64_t at = size_;
    if (size_ >= kSmall) {
      at = std::upper_bound(ids_, ids_ + size_, id) - ids_;
    } else {
      while (at > 0 && ids_[at - 1] > id) --at;
    }
    if (at > 0 && ids_[at - 1] == id) {
      counts_[at - 1] += static_cast<float>(count);
      return;
    }
    for (int64_t i = size_; i > at; --i) {
      ids_[i] = ids_[i - 1];
      counts_[i] = counts_[i - 1];
    }
    ids_[at] = id;
    counts_[at] = static_cast<float>(count);
    ++size_;
  }

  int64_t size() const { return size_; }

 private:
  int32_t* ids_;
  float* counts_;
  int64_t size_;
};

// Walks over the items of a text; an empty text has none.
class Items {
 public:
  Items(const Text& text, char separator) : at_(text.begin), end_(text.end), separator_(separator),
                                            left_(text.size() > 0) {}

  bool Next(Text* item) {
    if (!left_) return false;
    const char* stop = zoo::Find(at_, end_, separator_);
    *item = Text{at_, stop};
    left_ = stop < end_;
    at_ = stop + 1;
    return true;
  }

 private:
  const char* at_;
  const char* end_;
  char separator_;
  bool left_;
};

// Equal neighbours of at most 8 bytes count as one item that stands there several times.
bool Next(Items* items, Text* pending, bool* has_pending, Text* item, int64_t* run) {
  Text next = {nullptr, nullptr};
  if (!*has_pending && !items->Next(pending)) return false;
  *item = *pending;
  *run = 1;
  while ((*has_pending = items->Next(&next)) && next.size() <= 8 && next == *item) ++*run;
  *pending = next;
  return true;
}

}  // namespace

extern "C" {

// Returns the number of values, or -1 where an item is not among the words.
int64_t zoo_merged_lists(const Texts* texts, char separator,
                         const Words* words, uint64_t buckets, int32_t* values, float* weights, int64_t* row_splits,
                         int32_t* lengths) {
  const Ids ids = {words, buckets};
  int64_t count = 0;
  row_splits[0] = 0;
  for (int64_t i = 0; i < texts->size; ++i) {
    Merged merged(values + count, weights + count);
    Items items((*texts)[i], separator);
    Text item, pending;
    bool has_pending = false;
    int64_t run, length = 0;
    while (Next(&items, &pending, &has_pending, &item, &run)) {
      length += run;
      if (!item.size()) continue;
      const int32_t id = ids(item);
      if (id < 0) return -1;
      merged.Add(id, run);
    }
    count += merged.size();
    row_splits[i + 1] = count;
    lengths[i] = static_cast<int32_t>(length);
  }
  return count;
}

// The newest items of each list in their order, -1 for what is not among the words; returns the number of values.
int64_t zoo_sequences(const Texts* texts, char separator,
                      const Words* words, uint64_t buckets, int64_t newest, int32_t* values, int64_t* row_splits,
                      int32_t* lengths) {
  const Ids ids = {words, buckets};
  std::vector<Text> kept;
  int64_t count = 0;
  row_splits[0] = 0;
  for (int64_t i = 0; i < texts->size; ++i) {
    Items items((*texts)[i], separator);
    Text item;
    kept.clear();
    while (items.Next(&item)) kept.push_back(item);
    const int64_t length = kept.size();
    for (int64_t j = std::max<int64_t>(0, length - newest); j < length; ++j) values[count++] = ids(kept[j]);
    row_splits[i + 1] = count;
    lengths[i] = static_cast<int32_t>(length);
  }
  return count;
}

// The mean of each list's numbers, empty items left out; returns 0 where an item is no plain decimal number.
int zoo_list_means(const Texts* texts, char separator,
                   double of_empty, double* out, int32_t* lengths) {
  for (int64_t i = 0; i < texts->size; ++i) {
    Items items((*texts)[i], separator);
    Text item, pending;
    bool has_pending = false;
    int64_t run, length = 0;
    double sum = 0, count = 0, number = 0;
    while (Next(&items, &pending, &has_pending, &item, &run)) {
      length += run;
      if (!item.size()) continue;
      if (!zoo::ParseNumber(item, &number)) return 0;
      sum += number * static_cast<double>(run);
      count += static_cast<double>(run);
    }
    out[i] = count > 0 ? sum / count : of_empty;
    lengths[i] = static_cast<int32_t>(length);
  }
  return 1;
}

// Merges the equal ids of lists of codes into ids; -1 is left out. Returns the number of values.
int64_t zoo_merge(const int32_t* codes, const int64_t* splits, int64_t size, const int32_t* ids, int32_t* values,
                  float* weights, int64_t* row_splits) {
  int64_t count = 0;
  row_splits[0] = 0;
  for (int64_t i = 0; i < size; ++i) {
    Merged merged(values + count, weights + count);
    for (int64_t j = splits[i]; j < splits[i + 1]; ++j) {
      if (ids[codes[j]] >= 0) merged.Add(ids[codes[j]], 1);
    }
    count += merged.size();
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
