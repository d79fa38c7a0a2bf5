// Where a text is cut into runs of lines; common/formats/line_chunks.py has the counterpart in NumPy.

#include "pipeline/texts.h"

namespace {

// Writes where the lines that fill a run end, counted from `at`; `found` has a bit for each line end.
int64_t* WriteCuts(uint64_t found, int64_t at, int64_t run, int64_t* lines, int64_t* cuts) {
  for (; found; found &= found - 1) {
    if (++*lines < run) continue;
    *cuts++ = at + __builtin_ctzll(found) + 1;
    *lines = 0;
  }
  return cuts;
}

}  // namespace

// Cuts text behind every run of `run` lines; writes the cuts and returns their number. `lines` holds how many lines the
// run has before the text, and then behind it.
extern "C" int64_t zoo_line_cuts(const char* data, int64_t size, int64_t run, int64_t* lines, int64_t* cuts) {
  int64_t* next = cuts;
  for (int64_t at = 0; at < size; at += 64) {
    char tail[64] = {0};
    const char* block = data + at;
    if (size - at < 64) block = static_cast<const char*>(memcpy(tail, block, size - at));
    const uint64_t found = zoo::Matches(block, '\n', '\n');
    const int64_t count = __builtin_popcountll(found);
    if (*lines + count < run) {
      *lines += count;
    } else {
      next = WriteCuts(found, at, run, lines, next);
    }
  }
  return next - cuts;
}
