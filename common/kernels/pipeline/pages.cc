// Column chunks of Parquet files to codes and values. common/formats/parquet_pages.py describes both functions and
// which columns they are for; where one returns -1, as it does for all that is unusual or damaged, pyarrow reads.

#include <algorithm>
#include <vector>

#include "pipeline/bits.h"
#include "pipeline/thrift.h"

using zoo::Bytes;
using zoo::Thrift;

namespace {

enum Kind { kData = 0, kDictionary = 2, kDataV2 = 3 };
enum Codec { kUnpacked = 0, kSnappy = 1, kZstd = 2 };  // CODECS of parquet_pages.py
enum Encoding { kPlain = 0, kPlainDictionary = 2, kRle = 3, kRleDictionary = 8 };

struct Page {  // Page of columns.py
  int64_t kind, encoding, num_values;
  int64_t repetition, definition;  // how the levels are encoded; in pages of version 2, their bytes
  int64_t is_packed, packed_size, size, start;  // of the page, or, in pages of version 2, of what is behind the levels
  int64_t address;  // of that, unpacked
};

struct Column {  // Column of columns.py
  int64_t width;  // bytes of a value; 0 for texts
  int64_t max_repetition, max_definition;
  int64_t item_definition;  // the level from which on there is an item in a list, even if it is null
  int64_t num_rows;
  int64_t num_entries, num_bytes;  // of the pages: items and what stands for empty lists, and bytes that hold values
  int64_t num_items, num_nulls, num_values;  // what was read; values are those of the dictionary and behind it
};

// The header of a page of one kind: which field tells what.
void ReadDetails(Thrift* in, int header, Page* page) {
  int field = 0;
  const bool is_v2 = header == 8;
  while (const int type = in->Next(&field)) {
    if (type != Thrift::kInt && !(is_v2 && field == 7)) {
      in->Skip(type);
    } else if (is_v2 && field == 7) {
      page->is_packed = type == Thrift::kTrue;
    } else {
      const int64_t number = in->Int();
      if (field == 1) page->num_values = number;
      if (field == (is_v2 ? 4 : 2)) page->encoding = number;
      if (header == 5 && field == 3) page->definition = number;
      if (header == 5 && field == 4) page->repetition = number;
      if (is_v2 && field == 5) page->definition = number;
      if (is_v2 && field == 6) page->repetition = number;
    }
  }
}

bool ReadHeader(Thrift* in, Page* page) {
  int field = 0;
  *page = Page{-1, -1, -1, -1, -1, 1, -1, -1, 0, 0};
  while (const int type = in->Next(&field)) {
    if (type == Thrift::kInt && field <= 3) {
      (field == 1 ? page->kind : field == 2 ? page->size : page->packed_size) = in->Int();
    } else if (type == Thrift::kStruct && (field == 5 || field == 7 || field == 8)) {
      ReadDetails(in, field, page);
    } else {
      in->Skip(type);
    }
  }
  return in->is_right() && page->size >= 0 && page->packed_size >= 0 && page->num_values >= 0 && page->encoding >= 0;
}

// The bytes that packed ones say they unpack to: what unpacks them does not say how many came. -1 if they do not tell.
int64_t ToldSize(int codec, Bytes in) {
  uint64_t told = 0;
  if (codec == kSnappy) return zoo::ReadVarint(&in, &told) ? static_cast<int64_t>(told) : -1;
  // Zstandard: its magic number, a byte of flags, perhaps those of a window and of a dictionary, the size.
  uint8_t head[16] = {0};
  memcpy(head, in.at, std::min<int64_t>(in.size(), sizeof(head)));
  const int flags = head[4], shift = flags >> 6, is_single = flags >> 5 & 1;
  if (zoo::Load32(head) != 0xfd2fb528 || flags & 3) return -1;
  const uint64_t word = zoo::Load64(head + (is_single ? 5 : 6));
  if (shift == 0) return is_single ? static_cast<int64_t>(word & 0xff) : -1;
  if (shift == 1) return static_cast<int64_t>((word & 0xffff) + 256);
  return static_cast<int64_t>(shift == 2 ? word & 0xffffffff : word);
}

// Leaves the levels of a page of version 2 out of what is to be unpacked; whether it is a page that is read here.
bool Begin(const uint8_t* chunk, int codec, Page* page) {
  const bool is_known = page->kind == kData || page->kind == kDataV2;
  if (page->kind != kDictionary && (!is_known || page->repetition < 0 || page->definition < 0)) return false;
  const int64_t levels = page->kind == kDataV2 ? page->repetition + page->definition : 0;
  page->start += levels;
  page->packed_size -= levels;
  page->size -= levels;
  if (page->packed_size < 0 || page->size < 0) return false;
  page->address = reinterpret_cast<int64_t>(chunk + page->start);
  page->is_packed &= codec != kUnpacked && page->size > 0;
  const Bytes packed{chunk + page->start, chunk + page->start + page->packed_size};
  return !page->size || page->size == (page->is_packed ? ToldSize(codec, packed) : packed.size());
}

// Reads the pages of a column one after another.
class Reader {
 public:
  Reader(const uint8_t* chunk, Column* column, int32_t* codes, int32_t* splits, uint8_t* bytes, int32_t* offsets)
      : chunk_(chunk), column_(column), codes_(codes), splits_(splits), bytes_(bytes), offsets_(offsets) {
    offsets_[0] = 0;
  }

  bool Read(const Page& page) {
    Bytes values{reinterpret_cast<const uint8_t*>(page.address),
                 reinterpret_cast<const uint8_t*>(page.address) + page.size};
    if (page.kind == kDictionary) {
      const bool is_plain = page.encoding == kPlain || page.encoding == kPlainDictionary;
      if (!is_plain || column_->num_values || rows_ || !ReadPlain(values, page.num_values)) return false;
      dictionary_ = column_->num_values;
      return true;
    }
    if (!ReadLevels(page, &values)) return false;
    const int64_t present = Present(page.num_values);
    indices_.resize(present + 1);
    return ReadIndices(page, values, present) && (column_->max_repetition ? PlaceLists(page) : PlaceFlat(page, present));
  }

  // Ends the last list; whether all rows were read.
  bool Finish() {
    if (splits_) splits_[rows_] = static_cast<int32_t>(column_->num_items);
    return rows_ == column_->num_rows;
  }

 private:
  bool ReadLevels(const Page& page, Bytes* values) {
    const bool is_v2 = page.kind == kDataV2;
    Bytes levels = *values;
    if (is_v2) levels = Bytes{chunk_ + page.start - page.repetition - page.definition, chunk_ + page.start};
    const bool is_read = ReadLevels(is_v2, page.repetition, column_->max_repetition, page.num_values, &repetitions_,
                                    &levels) &&
                         ReadLevels(is_v2, page.definition, column_->max_definition, page.num_values, &definitions_,
                                    &levels);
    if (!is_v2) *values = levels;
    return is_read;
  }

  static bool ReadLevels(bool is_v2, int64_t told, int64_t max, int64_t count, std::vector<uint8_t>* out, Bytes* in) {
    int64_t size = told;
    if (!is_v2) {
      if (!max) return true;
      if (told != kRle || in->size() < 4) return false;
      size = static_cast<int64_t>(zoo::Load32(in->at));
      in->at += 4;
    }
    if (size > in->size()) return false;
    out->resize(count);
    const Bytes levels{in->at, in->at + size};
    in->at += size;
    if (!max) return true;
    const auto high = static_cast<uint8_t>(max);
    return zoo::ReadHybrid(levels, max > 1 ? 2 : 1, count, out->data()) &&
           std::none_of(out->begin(), out->end(), [high](uint8_t level) { return level > high; });
  }

  int64_t Present(int64_t count) const {
    if (!column_->max_definition) return count;
    const auto most = static_cast<uint8_t>(column_->max_definition);
    return std::count(definitions_.begin(), definitions_.begin() + count, most);
  }

  bool ReadIndices(const Page& page, Bytes values, int64_t present) {
    if (page.encoding == kPlain) {
      const int64_t first = column_->num_values;
      if (!ReadPlain(values, present)) return false;
      for (int64_t i = 0; i < present; ++i) indices_[i] = static_cast<int32_t>(first + i);
      return true;
    }
    if (page.encoding != kRleDictionary && page.encoding != kPlainDictionary) return false;
    if (!present) return true;
    if (!values.size() || *values.at > 31) return false;
    const int bits = *values.at++;
    if (!zoo::ReadHybrid(values, bits, present, indices_.data())) return false;
    uint32_t most = 0;
    for (int64_t i = 0; i < present; ++i) most = std::max(most, static_cast<uint32_t>(indices_[i]));
    return most < dictionary_;
  }

  // Appends values as the encoding PLAIN has them.
  bool ReadPlain(Bytes in, int64_t count) {
    const int64_t width = column_->width, before = column_->num_values;
    column_->num_values += count;
    if (width) {
      if (count > in.size() / width) return false;
      memcpy(bytes_ + before * width, in.at, count * width);
      return true;
    }
    int64_t end = offsets_[before];
    for (int64_t i = 1; i <= count; ++i) {
      if (in.size() < 4) return false;
      const int64_t size = static_cast<int64_t>(zoo::Load32(in.at));
      in.at += 4;
      if (size > in.size()) return false;
      zoo::CopyText(in, size, bytes_ + end);
      in.at += size;
      end += size;
      offsets_[before + i] = static_cast<int32_t>(end);
    }
    return true;
  }

  bool PlaceFlat(const Page& page, int64_t present) {
    if (rows_ + page.num_values > column_->num_rows) return false;
    int32_t* codes = codes_ + rows_;
    if (present == page.num_values) {
      std::copy(indices_.begin(), indices_.begin() + present, codes);
    } else {
      int64_t next = 0;
      for (int64_t i = 0; i < page.num_values; ++i) {
        codes[i] = definitions_[i] == column_->max_definition ? indices_[next++] : -1;
      }
    }
    rows_ += page.num_values;
    column_->num_items += page.num_values;
    column_->num_nulls += page.num_values - present;
    return true;
  }

  // Every entry is written, and counts only if it is one: a branch for each would often be wrong.
  bool PlaceLists(const Page& page) {
    const int64_t begun = std::count(repetitions_.begin(), repetitions_.end(), uint8_t(0));
    const bool is_within = page.num_values && !rows_ && repetitions_[0];
    if (is_within || rows_ + begun > column_->num_rows) return false;
    const auto most = static_cast<uint8_t>(column_->max_definition);
    const auto of_item = static_cast<uint8_t>(column_->item_definition);
    int64_t next = 0, items = column_->num_items, rows = rows_;
    for (int64_t i = 0; i < page.num_values; ++i) {
      const bool is_present = definitions_[i] == most;
      splits_[rows] = static_cast<int32_t>(items);
      rows += repetitions_[i] == 0;
      codes_[items] = is_present ? indices_[next] : -1;
      next += is_present;
      items += definitions_[i] >= of_item;
    }
    column_->num_nulls += items - column_->num_items - next;
    column_->num_items = items;
    rows_ = rows;
    return true;
  }

  const uint8_t* chunk_;
  Column* column_;
  int32_t *codes_, *splits_;
  uint8_t* bytes_;
  int32_t* offsets_;
  int64_t rows_ = 0, dictionary_ = 0;
  std::vector<uint8_t> repetitions_, definitions_;
  std::vector<int32_t> indices_;
};

}  // namespace

extern "C" {

// Finds the pages of a column chunk; returns their number. At most `room` are written.
int64_t zoo_pages(const uint8_t* chunk, int64_t size, int codec, Column* column, Page* pages, int64_t room) {
  int64_t count = 0;
  for (int64_t at = 0; at < size; ++count) {
    Page* page = &pages[count];
    Thrift in(Bytes{chunk + at, chunk + size});
    if (count == room || !ReadHeader(&in, page)) return -1;
    page->start = in.at() - chunk;
    at = page->start + page->packed_size;
    if (at > size || !Begin(chunk, codec, page)) return -1;
    const bool is_dictionary = page->kind == kDictionary;
    if (is_dictionary != (count == 0)) return -1;
    column->num_entries += is_dictionary ? 0 : page->num_values;
    column->num_bytes += is_dictionary || page->encoding == kPlain ? page->size : 0;
  }
  return count;
}

// There must be room for one code more than there are entries, and for all bytes, of which each fourth may end a value.
// Splits may be null where there are no lists.
int64_t zoo_read_pages(const uint8_t* chunk, const Page* pages, int64_t num_pages, Column* column, int32_t* codes,
                       int32_t* splits, uint8_t* bytes, int32_t* offsets) {
  Reader reader(chunk, column, codes, splits, bytes, offsets);
  for (int64_t i = 0; i < num_pages; ++i) {
    if (!reader.Read(pages[i])) return -1;
  }
  return reader.Finish() ? 0 : -1;
}

}  // extern "C"
