// Columns of texts to ids and numbers, without an object for each value. common/formats/native_columns.py describes
// each function; its NumPy counterpart, with equal results, is in column_decoder.py or encoder.py there.

#include <algorithm>

#include "pipeline/texts.h"

using zoo::Ids;
using zoo::Text;
using zoo::Texts;
using zoo::Words;

namespace {

// A column whose texts become ids of `width` bytes, 4 or 8.
struct IdColumn {
  Texts texts;
  const Words* words;
  uint64_t buckets;
  int64_t width;
  void* out;
};

template <typename Id>
void WriteIds(const IdColumn& column, int64_t low, int64_t high) {
  const Ids<Id> ids(column.words, column.buckets);
  for (int64_t i = low; i < high; ++i) static_cast<Id*>(column.out)[i] = ids(column.texts[i]);
}

}  // namespace

extern "C" {

// Writes where each field ends and which fields end a line; returns the number of lines. There must be room for as many
// fields as bytes and 8 more.
int64_t zoo_split(const char* data, int64_t size, char delimiter, int32_t* fields, int32_t* lines,
                  int64_t* num_fields) {
  *num_fields = zoo::FindAll(Text{data, data + size}, delimiter, '\n', fields);
  int64_t num_lines = 0;
  for (int64_t i = 0; i < *num_fields; ++i) {
    lines[num_lines] = static_cast<int32_t>(i);
    num_lines += data[fields[i]] == '\n';
  }
  return num_lines;
}

void zoo_fingerprints(const Texts* texts, uint64_t* out) {
  for (int64_t i = 0; i < texts->size; ++i) out[i] = zoo::Fingerprint((*texts)[i]);
}

// Fills the slots of a table of different words.
void zoo_add_words(const Words* words) {
  for (int64_t i = 0; i < words->texts.size; ++i) *words->Slot(words->texts[i]) = static_cast<int32_t>(i + 1);
}

// Some rows of all columns, then the next ones: a column's texts are near those of its neighbours, which are in the cache
// then.
void zoo_ids(const IdColumn* columns, int64_t num_columns) {
  const int64_t step = 512;
  int64_t size = 0;
  for (int64_t c = 0; c < num_columns; ++c) size = std::max(size, columns[c].texts.size);
  for (int64_t low = 0; low < size; low += step) {
    for (int64_t c = 0; c < num_columns; ++c) {
      const int64_t high = std::min(low + step, columns[c].texts.size);
      (columns[c].width == 8 ? WriteIds<int64_t> : WriteIds<int32_t>)(columns[c], low, high);
    }
  }
}

// Returns 0 if a text is not a plain whole number below the limit.
int zoo_integers(const Texts* texts, int64_t limit, int32_t* out) {
  for (int64_t i = 0; i < texts->size; ++i) {
    int64_t number;
    if (!zoo::ParseInteger((*texts)[i], &number) || number >= limit) return 0;
    out[i] = static_cast<int32_t>(number);
  }
  return 1;
}

// Returns 0 if a text is neither empty nor a plain decimal number.
int zoo_numbers(const Texts* texts, double of_empty, double* out) {
  for (int64_t i = 0; i < texts->size; ++i) {
    out[i] = of_empty;
    const Text text = (*texts)[i];
    if (text.size() && !zoo::ParseNumber(text, &out[i])) return 0;
  }
  return 1;
}

}  // extern "C"
