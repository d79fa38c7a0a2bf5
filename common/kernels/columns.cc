// Columns of texts to ids and numbers, without an object for each value. common/kernels/columns.py says what each function
// does; all of them give what its NumPy counterpart in common/columns.py and common/encoder.py gives.

#include "texts.h"

using zoo::Ids;
using zoo::Text;
using zoo::Texts;
using zoo::Words;

namespace {

struct Ends {
  int32_t* fields;
  int32_t* lines;
  int64_t num_fields, num_lines;

  void Add(const char* data, int64_t at) {
    if (data[at] == '\n') lines[num_lines++] = static_cast<int32_t>(num_fields);
    fields[num_fields++] = static_cast<int32_t>(at);
  }
};

}  // namespace

extern "C" {

// Writes where each field ends and which fields end a line; returns the number of lines.
int64_t zoo_split(const char* data, int64_t size, char delimiter, int32_t* fields, int32_t* lines,
                  int64_t* num_fields) {
  Ends ends = {fields, lines, 0, 0};
  int64_t at = 0;
#ifdef __SSE2__
  const __m128i comma = _mm_set1_epi8(delimiter), newline = _mm_set1_epi8('\n');
  for (; at + 16 <= size; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(data + at));
    const __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(block, comma), _mm_cmpeq_epi8(block, newline));
    for (unsigned found = _mm_movemask_epi8(hit); found; found &= found - 1) ends.Add(data, at + __builtin_ctz(found));
  }
#endif
  for (; at < size; ++at) {
    if (data[at] == delimiter || data[at] == '\n') ends.Add(data, at);
  }
  *num_fields = ends.num_fields;
  return ends.num_lines;
}

void zoo_fingerprints(const Texts* texts, uint64_t* out) {
  for (int64_t i = 0; i < texts->size; ++i) out[i] = zoo::Fingerprint((*texts)[i]);
}

// Fills the slots of a table of different words.
void zoo_add_words(const Words* words) {
  for (int64_t i = 0; i < words->texts.size; ++i) *words->Slot(words->texts[i]) = static_cast<int32_t>(i + 1);
}

void zoo_ids(const Texts* texts, const Words* words, uint64_t buckets, int32_t* out) {
  const Ids ids = {words, buckets};
  for (int64_t i = 0; i < texts->size; ++i) out[i] = ids((*texts)[i]);
}

// Returns 0 where a text is no plain whole number below the limit.
int zoo_integers(const Texts* texts, int64_t limit, int32_t* out) {
  for (int64_t i = 0; i < texts->size; ++i) {
    int64_t number;
    if (!zoo::ParseInteger((*texts)[i], &number) || number >= limit) return 0;
    out[i] = static_cast<int32_t>(number);
  }
  return 1;
}

// Returns 0 where a text is neither empty nor a plain decimal number.
int zoo_numbers(const Texts* texts, double of_empty, double* out) {
  for (int64_t i = 0; i < texts->size; ++i) {
    out[i] = of_empty;
    const Text text = (*texts)[i];
    if (text.size() && !zoo::ParseNumber(text, &out[i])) return 0;
  }
  return 1;
}

}  // extern "C"
