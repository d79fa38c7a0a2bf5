// Columns of lists to ids and numbers. common/formats/native_columns.py describes each function; its NumPy
// counterpart, with equal results, is in lists.py there.

#include <algorithm>

#include "pipeline/bag.h"
#include "pipeline/items.h"

using zoo::Bag;
using zoo::Ids;
using zoo::Items;
using zoo::Readable;
using zoo::Runs;
using zoo::Text;
using zoo::Texts;
using zoo::Words;

namespace {

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
