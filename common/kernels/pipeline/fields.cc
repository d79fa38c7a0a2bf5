// Where the fields of lines lie, column by column; common/formats/csv_fields.py has the counterpart in NumPy, which also
// tells what is wrong with lines that this function does not take.

#include <algorithm>
#include <vector>

#include "pipeline/texts.h"

namespace {

const int64_t kTile = 1 << 13;  // bytes whose fields are written while they are in the fastest cache

// The columns that are wanted, and where their fields lie: that of line r in column c from starts[c * stride + r] to
// before ends[c * stride + r].
struct Table {
  int64_t width;  // columns that lines have
  int64_t num_columns;
  const int32_t* columns;
  int64_t num_lines, stride;
  int32_t* starts;
  int32_t* ends;
};

// What text holds besides fields.
struct Content {
  int64_t num_returns;  // '\r'
  bool is_ascii;
};

// A bit for each of 64 bytes, set where a field ends.
inline uint64_t Ends(const char* at, char delimiter, Content* content) {
#ifdef __SSE2__
  const __m128i any = _mm_or_si128(
      _mm_or_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)),
                   _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16))),
      _mm_or_si128(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 32)),
                   _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 48))));
  content->is_ascii &= !_mm_movemask_epi8(any);
#else
  for (int i = 0; i < 64; ++i) content->is_ascii &= !(at[i] & 0x80);
#endif
  const uint64_t returns = zoo::Matches(at, '\r', '\r');
  if (returns) content->num_returns += zoo::CountBits(returns);
  return zoo::Matches(at, delimiter, '\n');
}

// Takes the ends of fields, line by line.
class Lines {
 public:
  Lines(const char* data, const Table& table) : data_(data), table_(table) {}

  // Writes the fields of whole lines; returns how many ends are left, which follow `taken`, or -1 if a line has another
  // number of fields.
  int64_t Take(const int32_t* ends, int64_t size, const int32_t** taken) {
    for (; size >= table_.width; size -= table_.width, ends += table_.width) {
      if (num_lines_ == table_.num_lines || !IsLine(ends)) return -1;
      Write(ends);
      begin_ = ends[table_.width - 1] + 1;
      ++num_lines_;
    }
    *taken = ends;
    return size;
  }

  int64_t num_lines() const { return num_lines_; }
  int64_t num_returns() const { return num_returns_; }  // at the ends of lines

 private:
  bool IsLine(const int32_t* ends) const {
    const int64_t last = table_.width - 1;
    int newlines = 0;
    for (int64_t i = 0; i < last; ++i) newlines += data_[ends[i]] == '\n';
    return !newlines && data_[ends[last]] == '\n';
  }

  void Write(const int32_t* ends) {
    const int32_t last = static_cast<int32_t>(table_.width - 1), start = last ? ends[last - 1] + 1 : begin_;
    const int32_t returns = ends[last] > start && data_[ends[last] - 1] == '\r';
    num_returns_ += returns;
    for (int64_t c = 0, at = num_lines_; c < table_.num_columns; ++c, at += table_.stride) {
      const int32_t column = table_.columns[c];
      table_.starts[at] = column ? ends[column - 1] + 1 : begin_;
      table_.ends[at] = ends[column] - (column == last ? returns : 0);
    }
  }

  const char* data_;
  const Table& table_;
  int32_t begin_ = 0;  // where the line begins
  int64_t num_lines_ = 0, num_returns_ = 0;
};

}  // namespace

// Returns 1 if all text is as many lines of as many fields as the table has, with '\r' only before '\n', which then is no
// part of the last field; else 0. *is_ascii is whether all bytes are below 128.
extern "C" int zoo_fields(const char* data, int64_t size, char delimiter, const Table* table, int* is_ascii) {
  Lines lines(data, *table);
  Content content{0, true};
  std::vector<int32_t> buffer(kTile + 64 + table->width + 8);
  int64_t kept = 0;  // ends of fields in a line that is not whole yet
  for (int64_t at = 0; at < size; at += kTile) {
    int32_t* next = buffer.data() + kept;
    for (int64_t block = at; block < std::min(size, at + kTile); block += 64) {
      char tail[64] = {0};
      const int64_t rest = size - block;
      const char* bytes = rest < 64 ? static_cast<const char*>(memcpy(tail, data + block, rest)) : data + block;
      const uint64_t found = Ends(bytes, delimiter, &content) & (rest < 64 ? ~(~0ULL << rest) : ~0ULL);
      next = zoo::WritePlaces(found, static_cast<int32_t>(block), next);
    }
    const int32_t* taken = nullptr;
    kept = lines.Take(buffer.data(), next - buffer.data(), &taken);
    if (kept < 0) return 0;
    std::copy(taken, taken + kept, buffer.data());
  }
  *is_ascii = content.is_ascii;
  return !kept && lines.num_lines() == table->num_lines && lines.num_returns() == content.num_returns;
}
