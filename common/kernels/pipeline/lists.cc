// Columns of lists to ids and numbers. common/formats/native_columns.py describes each function; its NumPy
// counterpart, with equal results, is in lists.py there.

#include <algorithm>
#include <vector>

#include "pipeline/bag.h"
#include "pipeline/texts.h"

using zoo::Bag;
using zoo::Ids;
using zoo::Text;
using zoo::Texts;
using zoo::Words;

namespace {

// Cuts texts into items; an empty text has none.
class Items {
 public:
  Items(const Texts& texts, char separator) : texts_(texts), separator_(separator), size_(0) {}

  void Cut(int64_t i) {
    text_ = texts_[i];
    // Short items are read as the 8 bytes before their end, some of which may precede the item.
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
  // The bytes of an item of 1 to 8.
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

// Returns the number of values, or -1 if an item is not among the words.
template <typename Id>
int64_t MergedLists(const Texts& texts, char separator, const Words* words, uint64_t buckets, void* values_out,
                    float* weights, int64_t* row_splits, int32_t* lengths) {
  Id* values = static_cast<Id*>(values_out);
  const Ids<Id> ids(words, buckets);
  Items items(texts, separator);
  Bag<Id> bag;
  int64_t count = 0;
  row_splits[0] = 0;
  for (int64_t i = 0; i < texts.size; ++i) {
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
      const Id id = ids(item, word);
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
template <typename Id>
int64_t Sequences(const Texts& texts, char separator, const Words* words, uint64_t buckets, int64_t newest,
                  void* values_out, int64_t* row_splits, int32_t* lengths) {
  Id* values = static_cast<Id*>(values_out);
  const Ids<Id> ids(words, buckets);
  Items items(texts, separator);
  int64_t count = 0;
  row_splits[0] = 0;
  for (int64_t i = 0; i < texts.size; ++i) {
    items.Cut(i);
    const int64_t first = std::max<int64_t>(0, items.size() - newest);
    for (int64_t j = first; j < items.size(); ++j) values[count++] = ids(items[j]);
    row_splits[i + 1] = count;
    lengths[i] = static_cast<int32_t>(items.size());
  }
  return count;
}

// Merges the equal ids of lists of codes into ids; -1 is left out. Returns the number of values.
template <typename Id>
int64_t Merge(const int32_t* codes, const int64_t* splits, int64_t size, const void* ids_in, void* values_out,
              float* weights, int64_t* row_splits) {
  const Id* ids = static_cast<const Id*>(ids_in);
  Id* values = static_cast<Id*>(values_out);
  Bag<Id> bag;
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

// Copies the chosen rows' lists one after another.
template <typename Item>
void Gather(const void* values_in, const int64_t* splits, const int64_t* rows, int64_t size, void* values_out) {
  const Item* values = static_cast<const Item*>(values_in);
  Item* out = static_cast<Item*>(values_out);
  for (int64_t i = 0; i < size; ++i) {
    const int64_t low = splits[rows[i]], length = splits[rows[i] + 1] - low;
    for (int64_t j = 0; j < length; ++j) out[j] = values[low + j];
    out += length;
  }
}

}  // namespace

extern "C" {

// Ids, and the items that are gathered, are of `width` bytes, 4 or 8.

int64_t zoo_merged_lists(const Texts* texts, char separator, const Words* words, uint64_t buckets, int width,
                         void* values, float* weights, int64_t* row_splits, int32_t* lengths) {
  return (width == 8 ? MergedLists<int64_t> : MergedLists<int32_t>)(
      *texts, separator, words, buckets, values, weights, row_splits, lengths);
}

int64_t zoo_sequences(const Texts* texts, char separator, const Words* words, uint64_t buckets, int64_t newest,
                      int width, void* values, int64_t* row_splits, int32_t* lengths) {
  return (width == 8 ? Sequences<int64_t> : Sequences<int32_t>)(
      *texts, separator, words, buckets, newest, values, row_splits, lengths);
}

// The mean of each list's numbers, empty items left out; returns 0 if an item is not a plain decimal number. Equal
// neighbours of at most 8 bytes are added as one product, as in common/pipeline/lists.py.
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

int64_t zoo_merge(const int32_t* codes, const int64_t* splits, int64_t size, int width, const void* ids, void* values,
                  float* weights, int64_t* row_splits) {
  return (width == 8 ? Merge<int64_t> : Merge<int32_t>)(codes, splits, size, ids, values, weights, row_splits);
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

// Where the lists of the chosen rows begin when they are joined; returns where the last one ends.
int64_t zoo_gather_splits(const int64_t* splits, const int64_t* rows, int64_t size, int64_t* row_splits) {
  int64_t end = 0;
  row_splits[0] = 0;
  for (int64_t i = 0; i < size; ++i) {
    end += splits[rows[i] + 1] - splits[rows[i]];
    row_splits[i + 1] = end;
  }
  return end;
}

void zoo_gather(int width, const void* values, const int64_t* splits, const int64_t* rows, int64_t size, void* out) {
  (width == 8 ? Gather<int64_t> : Gather<int32_t>)(values, splits, rows, size, out);
}

}  // extern "C"
