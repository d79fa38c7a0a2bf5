// Columns of lists to ids and numbers. common/formats/native_columns.py describes each function; its NumPy
// counterpart, with equal results, is in lists.py there.

#include <algorithm>
#include <vector>

#include "pipeline/bag.h"
#include "pipeline/texts.h"

using zoo::Bag;
using zoo::Ids;
using zoo::Nulls;
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
    nulls_ = texts_.NullsIn(text_);
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
  // An item; an empty one in place of a null.
  Text operator[](int64_t i) const {
    const Text item{text_.begin + (i ? stops_[i - 1] + 1 : 0), text_.begin + stops_[i]};
    return item.size() && nulls_ && nulls_->Hold(item) ? Text{item.begin, item.begin} : item;
  }

 private:
  const Texts& texts_;
  char separator_;
  int64_t size_;
  Text text_;
  const Nulls* nulls_ = nullptr;
  std::vector<char> padded_;
  std::vector<int32_t> stops_;
};

// The bits of 16 bytes, set where they are equal; the higher bits are set, too.
inline uint32_t Equal(const char* one, const char* other) {
#ifdef __SSE2__
  const __m128i ones = _mm_loadu_si128(reinterpret_cast<const __m128i*>(one));
  const __m128i others = _mm_loadu_si128(reinterpret_cast<const __m128i*>(other));
  return static_cast<uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(ones, others))) | 0xffff0000u;
#else
  uint32_t equal = ~0u;
  for (int i = 0; i < 16; ++i) equal ^= static_cast<uint32_t>(one[i] != other[i]) << i;
  return equal;
#endif
}

// A text behind which some bytes more may be read.
class Readable {
 public:
  enum { kBehind = 64 };

  explicit Readable(const Texts& texts) : texts_(texts) {}

  void Read(int64_t i) {
    text_ = texts_[i];
    nulls_ = texts_.NullsIn(text_);
    if (text_.begin != texts_.missing && texts_.data + texts_.data_size - text_.end >= kBehind) return;
    copy_.assign(text_.begin, text_.end);
    copy_.resize(copy_.size() + kBehind, '\0');
    text_ = Text{copy_.data(), copy_.data() + text_.size()};
  }

  const Text& text() const { return text_; }
  // Whether an item of the text is empty or a null.
  bool IsNothing(const Text& item) const { return !item.size() || (nulls_ && nulls_->Hold(item)); }

  // Gives the items to `visit` one after another, until it returns false; returns whether it never did. An empty text
  // has none.
  template <typename Visit>
  bool ForEach(char separator, const Visit& visit) const {
    if (!text_.size()) return true;
    const char* begin = text_.begin;
    for (const char* at = text_.begin; at < text_.end; at += 64) {
      uint64_t found = zoo::Matches(at, separator, separator);
      if (text_.end - at < 64) found &= ~(~0ULL << (text_.end - at));
      for (; found; found &= found - 1) {
        const char* end = at + __builtin_ctzll(found);
        if (!visit(Text{begin, end})) return false;
        begin = end + 1;
      }
    }
    return visit(Text{begin, text_.end});
  }

 private:
  const Texts& texts_;
  Text text_;
  const Nulls* nulls_ = nullptr;
  std::vector<char> copy_;
};

// Cuts texts into runs of equal items; an empty text has none. An item's repetitions are found by comparing the text
// with itself, an item further on, many of them at a time.
class Runs {
 public:
  explicit Runs(char separator) { memset(separators_, separator, sizeof(separators_)); }

  // Begins with a text of which Readable::kBehind more bytes may be read.
  void Begin(const Text& text) {
    text_ = text;
    is_more_ = text_.size() > 0;
  }

  // Moves to the next run; false behind the last one.
  bool Next() {
    if (!is_more_) return false;
    item_ = Text{text_.begin, End(text_.begin)};
    const int64_t step = item_.size() + 1, rest = text_.end - item_.begin - step;
    if (rest < 0) {
      is_more_ = false;
      count_ = 1;
      return true;
    }
    const int64_t same = std::min(Same(item_.begin, item_.begin + step, rest), rest);
    is_more_ = same < rest || same % step != item_.size();
    count_ = 1 + !is_more_;
    // A division takes as long as all the rest; that of fewer bits takes less.
    if (same >= step) count_ += static_cast<uint32_t>(same) / static_cast<uint32_t>(step);
    text_.begin = item_.begin + count_ * step;
    return true;
  }

  const Text& item() const { return item_; }
  int64_t count() const { return count_; }

 private:
  // Where the item ends that begins at a place.
  const char* End(const char* at) const {
    for (; at < text_.end; at += 16) {
      const uint32_t found = Equal(at, separators_) & 0xffff;
      if (found) return std::min(at + __builtin_ctz(found), text_.end);
    }
    return text_.end;
  }

  // How many bytes from two places on are equal, at least as many as there are up to a limit.
  static int64_t Same(const char* one, const char* other, int64_t most) {
    int64_t same = 0;
    while (same < most) {
      const uint32_t differ = ~Equal(one + same, other + same);
      if (differ) return same + __builtin_ctz(differ);
      same += 16;
    }
    return same;
  }

  char separators_[16];
  Text text_, item_;
  int64_t count_ = 0;
  bool is_more_ = false;
};

const int64_t kRecent = 256;  // items that tell whether the next ones mostly repeat each other

// Numbers of items, and of runs of equal ones.
struct Counts {
  int64_t items = 0, runs = 0;
};

// Adds the items of a text to a bag, run by run; returns whether all are among the words.
template <typename Id>
bool AddRuns(const Readable& text, Runs* runs, const Ids<Id>& ids, Bag<Id>* bag, Counts* counts) {
  for (runs->Begin(text.text()); runs->Next(); ++counts->runs) {
    counts->items += runs->count();
    const Text item = runs->item();
    if (text.IsNothing(item)) continue;
    const Id id = ids(item, zoo::FirstWord(item.begin, item.size()));
    if (id < 0) return false;
    bag->Add(id, runs->count());
  }
  return true;
}

// The same item by item, which takes less time where few of them repeat the one before.
template <typename Id>
bool AddItems(const Readable& text, char separator, const Ids<Id>& ids, Bag<Id>* bag, Counts* counts) {
  uint64_t last = 0;
  int64_t items = 0, runs = 0;
  const bool are_known = text.ForEach(separator, [&](const Text& item) {
    const uint64_t word = zoo::FirstWord(item.begin, item.size());
    ++items;
    runs += word != last;
    last = word;
    if (text.IsNothing(item)) return true;
    const Id id = ids(item, word);
    if (id < 0) return false;
    bag->Add(id);
    return true;
  });
  counts->items = items;
  counts->runs = runs;
  return are_known;
}

// Returns the number of values, or -1 if an item is not among the words.
template <typename Id>
int64_t MergedLists(const Texts& texts, char separator, const Words* words, uint64_t buckets, void* values_out,
                    float* weights, int64_t* row_splits, int32_t* lengths) {
  Id* values = static_cast<Id*>(values_out);
  const Ids<Id> ids(words, buckets);
  Readable text(texts);
  Runs runs(separator);
  Bag<Id> bag;
  int64_t count = 0;
  Counts recent;
  bool are_repeated = true;  // most of the recent items
  row_splits[0] = 0;
  for (int64_t i = 0; i < texts.size; ++i) {
    text.Read(i);
    bag.Clear(text.text().size() + 1);
    Counts counts;
    const bool are_known = are_repeated ? AddRuns(text, &runs, ids, &bag, &counts)
                                        : AddItems(text, separator, ids, &bag, &counts);
    if (!are_known) return -1;
    lengths[i] = static_cast<int32_t>(counts.items);
    recent.items += counts.items;
    recent.runs += counts.runs;
    if (recent.items > kRecent) {
      are_repeated = recent.items > 2 * recent.runs;
      recent = Counts();
    }
    count += bag.Merge(values + count, weights + count);
    row_splits[i + 1] = count;
  }
  return count;
}

// The newest items of each list in their order, -1 for what is not among the words; returns the number of values. A list
// that repeats the one before it, as those of a user's rows do, is copied.
template <typename Id>
int64_t Sequences(const Texts& texts, char separator, const Words* words, uint64_t buckets, int64_t newest,
                  void* values_out, int64_t* row_splits, int32_t* lengths) {
  Id* values = static_cast<Id*>(values_out);
  const Ids<Id> ids(words, buckets);
  Items items(texts, separator);
  int64_t count = 0;
  row_splits[0] = 0;
  for (int64_t i = 0; i < texts.size; ++i) {
    if (i && texts[i] == texts.At(i - 1)) {
      count = std::copy(values + row_splits[i - 1], values + row_splits[i], values + count) - values;
      row_splits[i + 1] = count;
      lengths[i] = lengths[i - 1];
      continue;
    }
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

// Copies the chosen rows' lists one after another. They lie anywhere, so each is fetched while others are copied.
template <typename Item>
void Gather(const void* values_in, const int64_t* splits, const int64_t* rows, int64_t size, void* values_out) {
  const Item* values = static_cast<const Item*>(values_in);
  Item* out = static_cast<Item*>(values_out);
  for (int64_t i = 0; i < size; ++i) {
    if (i + 16 < size) __builtin_prefetch(&splits[rows[i + 16]]);
    if (i + 8 < size) {
      const char* at = reinterpret_cast<const char*>(values + splits[rows[i + 8]]);
      const char* end = reinterpret_cast<const char*>(values + splits[rows[i + 8] + 1]);
      for (; at < end; at += 64) __builtin_prefetch(at);
    }
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
  Readable text(*texts);
  for (int64_t i = 0; i < texts->size; ++i) {
    double sum = 0, count = 0, number = 0, run = 0;
    uint64_t last = 0;
    int64_t last_size = -1, items = 0;
    text.Read(i);
    const bool are_numbers = text.ForEach(separator, [&](const Text& item) {
      const int64_t size = text.IsNothing(item) ? 0 : item.size();
      const uint64_t word = zoo::FirstWord(item.begin, size);
      ++items;
      count += size > 0;
      if (word == last && size == last_size && size <= 8) {
        run += size > 0;
        return true;
      }
      sum += number * run;
      run = size > 0;
      last = word;
      last_size = size;
      return !size || zoo::ParseNumber(item, word, &number);
    });
    if (!are_numbers) return 0;
    sum += number * run;
    out[i] = count > 0 ? sum / count : of_empty;
    lengths[i] = static_cast<int32_t>(items);
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
    if (i + 16 < size) __builtin_prefetch(&splits[rows[i + 16]]);
    end += splits[rows[i] + 1] - splits[rows[i]];
    row_splits[i + 1] = end;
  }
  return end;
}

void zoo_gather(int width, const void* values, const int64_t* splits, const int64_t* rows, int64_t size, void* out) {
  (width == 8 ? Gather<int64_t> : Gather<int32_t>)(values, splits, rows, size, out);
}

}  // extern "C"
