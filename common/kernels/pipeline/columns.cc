// Columns of texts to ids and numbers, without an object for each value. common/formats/native_columns.py describes
// each function; its NumPy counterpart, with equal results, is in column_decoder.py or encoder.py there.

#include "pipeline/texts.h"

using zoo::Ids;
using zoo::Text;
using zoo::Texts;
using zoo::Words;

namespace {

template <typename Id>
void WriteIds(const Texts& texts, const Words* words, uint64_t buckets, void* out) {
  const Ids<Id> ids(words, buckets);
  for (int64_t i = 0; i < texts.size; ++i) static_cast<Id*>(out)[i] = ids(texts[i]);
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

// Ids are of `width` bytes, 4 or 8.
void zoo_ids(const Texts* texts, const Words* words, uint64_t buckets, int width, void* out) {
  (width == 8 ? WriteIds<int64_t> : WriteIds<int32_t>)(*texts, words, buckets, out);
}

// Returns whether one of the texts is a word.
int zoo_holds(const Texts* texts, const char* word, int64_t size) {
  const Text wanted{word, word + size};
  for (int64_t i = 0; i < texts->size; ++i) {
    if (texts->ends[i] - texts->starts[i] == size && (*texts)[i] == wanted) return 1;
  }
  return 0;
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
