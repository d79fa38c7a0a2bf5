// Texts in a buffer, and what input columns do with them: compare, hash, look up, parse.

#ifndef MODELZOO_TEXTS_H_
#define MODELZOO_TEXTS_H_

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "pipeline/loads.h"

namespace util {
// TensorFlow's own, in libtensorflow_framework.
uint64_t Fingerprint64(const char* data, size_t size);
}  // namespace util

namespace zoo {

struct Text {
  const char* begin;
  const char* end;

  int64_t size() const { return end - begin; }
};

// Texts of 8 to 16 bytes, as keys mostly are, are compared without a call.
inline bool operator==(const Text& one, const Text& other) {
  const int64_t size = one.size();
  if (size != other.size()) return false;
  if (size < 8 || size > 16) return memcmp(one.begin, other.begin, size) == 0;
  return Load64(one.begin) == Load64(other.begin) && Load64(one.end - 8) == Load64(other.end - 8);
}

// Texts that count as empty ones, such as NULL. Bit n of `sizes` tells that one has n bytes, modulo 64: few others do.
struct Nulls {
  const Text* texts;
  int64_t size;
  uint64_t sizes;

  bool Hold(const Text& text) const {
    if (!(sizes >> (text.size() & 63) & 1)) return false;
    for (int64_t i = 0; i < size; ++i) {
      const Text& null = texts[i];
      if (null.size() == text.size() && *null.begin == *text.begin && null == text) return true;
    }
    return false;
  }
};

// Text i reaches from starts[i] to before ends[i]; an empty one, or one of the nulls, is replaced with `missing`.
struct Texts {
  const char* data;
  const int32_t* starts;
  const int32_t* ends;
  int64_t size;
  const char* missing;
  int64_t missing_size;
  int64_t data_size;
  const Nulls* nulls;

  // Prefetches a text that is needed soon; a column's texts are too far apart for the CPU to predict that.
  void Expect(int64_t i) const {
    if (i >= size) return;
    for (int32_t at = starts[i]; at < ends[i]; at += 64) __builtin_prefetch(data + at);
  }
  Text operator[](int64_t i) const {
    Expect(i + 8);
    return At(i);
  }
  // The same where the next ones are not needed soon.
  Text At(int64_t i) const {
    const Text text{data + starts[i], data + ends[i]};
    return IsEmpty(text) ? Text{missing, missing + missing_size} : text;
  }
  bool IsEmpty(const Text& text) const { return !text.size() || (nulls && nulls->Hold(text)); }
  // The nulls among the items of a text; those that stand in `missing` are items like others.
  const Nulls* NullsIn(const Text& text) const { return text.begin == missing ? nullptr : nulls; }
};

inline uint64_t RotateRight(uint64_t value, int bits) { return (value >> bits) | (value << (64 - bits)); }

// The last steps of FarmHash64 for up to 16 bytes.
inline uint64_t Mix(uint64_t u, uint64_t v, uint64_t factor) {
  uint64_t low = (u ^ v) * factor;
  low ^= low >> 47;
  uint64_t high = (v ^ low) * factor;
  high ^= high >> 47;
  return high * factor;
}

const uint64_t kOdd0 = 0xc3a5c85c97cb3127ULL, kOdd2 = 0x9ae16a3b2f90404fULL;

// The bytes from a place on as one number, at most 8 of them; 8 must be readable.
inline uint64_t FirstWord(const char* at, int64_t size) { return Load64(at) & (size < 8 ? ~(~0ULL << 8 * size) : ~0ULL); }

// FarmHash64 of 1 to 7 bytes. Both of its formulas are computed: lengths are mixed, so a branch would often be wrong.
inline uint64_t ShortFingerprint(uint64_t word, uint64_t size) {
  const uint64_t factor = kOdd2 + size * 2;
  const uint64_t of_four = Mix(size + ((word & 0xffffffff) << 3), word >> ((size - 4) * 8 & 63) & 0xffffffff, factor);
  const uint64_t middle = word >> (size >> 1) * 8 & 0xff, last = word >> (size - 1) * 8 & 0xff;
  const uint64_t mixed = ((word & 0xff) + (middle << 8)) * kOdd2 ^ (size + (last << 2)) * kOdd0;
  const uint64_t of_less = (mixed ^ (mixed >> 47)) * kOdd2;
  return of_less ^ ((of_less ^ of_four) & -static_cast<uint64_t>(size >= 4));
}

// FarmHash64 as TensorFlow's Fingerprint64: short texts, which nearly all are, without a call into the library.
inline uint64_t Fingerprint(const Text& text) {
  const char* at = text.begin;
  const uint64_t size = text.size();
  if (size > 16) return util::Fingerprint64(at, size);
  if (size >= 8) {
    const uint64_t factor = kOdd2 + size * 2;
    const uint64_t head = Load64(at) + kOdd2, tail = Load64(text.end - 8);
    return Mix(RotateRight(tail, 37) * factor + head, (RotateRight(head, 25) + tail) * factor, factor);
  }
  if (size == 0) return kOdd2;
  // From pieces that overlap; a copy of a variable number of bytes would be a call.
  const uint64_t last = static_cast<uint8_t>(text.end[-1]), middle = static_cast<uint8_t>(at[size >> 1]);
  const uint64_t word = size >= 4 ? Load32(at) | Load32(text.end - 4) << (size - 4) * 8
                                  : static_cast<uint8_t>(at[0]) | middle << (size >> 1) * 8 | last << (size - 1) * 8;
  return ShortFingerprint(word, size);
}

// Words in a hash table with linear probing; slots (a power of two of them) hold a word's place + 1, or 0.
struct Words {
  Texts texts;
  const int32_t* ids;
  int32_t* slots;
  uint64_t mask;

  int32_t* Slot(const Text& text) const {
    uint64_t at = Fingerprint(text) & mask;
    while (slots[at] && !(texts.At(slots[at] - 1) == text)) at = (at + 1) & mask;
    return &slots[at];
  }
  // The id of a word, or -1.
  int32_t Find(const Text& text) const {
    const int32_t slot = *Slot(text);
    return slot ? ids[slot - 1] : -1;
  }
};

// Maps a text to its id, int32_t or int64_t: that of the words if there are words, else the bucket of its hash. Every
// bucket must fit the id's type.
template <typename Id>
class Ids {
 public:
  Ids(const Words* words, uint64_t buckets)
      : words_(words), buckets_(buckets), inverse_(buckets ? ~0ULL / buckets : 0) {}

  Id operator()(const Text& text) const { return words_ ? words_->Find(text) : Bucket(Fingerprint(text)); }

  // The id of a text whose FirstWord is known.
  Id operator()(const Text& text, uint64_t word) const {
    return !words_ && text.size() < 8 ? Bucket(ShortFingerprint(word, text.size())) : (*this)(text);
  }

 private:
  // Divides by a product, as a division takes longer; its quotient is right or one too small.
  Id Bucket(uint64_t hash) const {
    const uint64_t rest =
        hash - static_cast<uint64_t>(static_cast<unsigned __int128>(hash) * inverse_ >> 64) * buckets_;
    return static_cast<Id>(rest - (buckets_ & -static_cast<uint64_t>(rest >= buckets_)));
  }

  const Words* words_;
  uint64_t buckets_, inverse_;
};

// A bit for each of 64 bytes, set where it is one of two.
inline uint64_t Matches(const char* at, char one, char other) {
  uint64_t found = 0;
#ifdef __SSE2__
  const __m128i ones = _mm_set1_epi8(one), others = _mm_set1_epi8(other);
  for (int i = 0; i < 4; ++i) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at + 16 * i));
    const __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(block, ones), _mm_cmpeq_epi8(block, others));
    found |= static_cast<uint64_t>(static_cast<unsigned>(_mm_movemask_epi8(hit))) << (16 * i);
  }
#else
  for (int i = 0; i < 64; ++i) found |= static_cast<uint64_t>(at[i] == one || at[i] == other) << i;
#endif
  return found;
}

// The number of set bits; the compiler's own is a function call unless the CPU surely has an instruction for it.
inline int CountBits(uint64_t bits) {
  bits -= bits >> 1 & 0x5555555555555555ULL;
  bits = (bits & 0x3333333333333333ULL) + (bits >> 2 & 0x3333333333333333ULL);
  bits = (bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fULL;
  return static_cast<int>(bits * 0x0101010101010101ULL >> 56);
}

// Writes the places of set bits, plus base, to places, which must have room for 8 more; returns the next free one.
// Eight are written at a time, some of them in excess: that is cheaper than a branch for each.
inline int32_t* WritePlaces(uint64_t found, int32_t base, int32_t* places) {
  int32_t* after = places + CountBits(found);
  for (; places < after; places += 8) {
    for (int i = 0; i < 8; ++i) {
      places[i] = base + __builtin_ctzll(found | 1ULL << 63);
      found &= found - 1;
    }
  }
  return after;
}

// Writes the places of two bytes in a text; there must be room for 8 places more. Returns their number.
inline int64_t FindAll(const Text& text, char one, char other, int32_t* places) {
  int32_t* next = places;
  const char* at = text.begin;
  for (; text.end - at >= 64; at += 64) {
    next = WritePlaces(Matches(at, one, other), static_cast<int32_t>(at - text.begin), next);
  }
  const int64_t rest = text.end - at;
  if (rest) {
    char tail[64];
    memcpy(tail, at, rest);
    const uint64_t found = Matches(tail, one, other) & ~(~0ULL << rest);
    next = WritePlaces(found, static_cast<int32_t>(at - text.begin), next);
  }
  return next - places;
}

inline bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Reads a whole number of 1 to 9 digits; returns whether the text is one.
inline bool ParseInteger(const Text& text, int64_t* number) {
  if (text.size() < 1 || text.size() > 9) return false;
  int64_t value = 0;
  for (const char* at = text.begin; at < text.end; ++at) {
    if (!IsDigit(*at)) return false;
    value = value * 10 + (*at - '0');
  }
  *number = value;
  return true;
}

const double kPowers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                          1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

// Reads a decimal number of up to 15 digits without exponent, which one division of exact doubles rounds rightly.
inline bool ParseNumber(const Text& text, double* number) {
  const char* at = text.begin;
  const bool negative = at < text.end && *at == '-';
  at += negative;
  int64_t digits = 0, value = 0;
  for (; at < text.end && IsDigit(*at) && digits < 16; ++at, ++digits) value = value * 10 + (*at - '0');
  const int64_t whole = digits;
  if (digits > 15) return false;
  if (at < text.end && *at == '.') {
    if (text.end - at > 16) return false;
    for (++at; at < text.end && IsDigit(*at) && digits < 16; ++at, ++digits) value = value * 10 + (*at - '0');
  }
  if (at != text.end || digits < 1 || digits > 15) return false;
  const double result = static_cast<double>(value) / kPowers[digits - whole];
  *number = negative ? -result : result;
  return true;
}

// A byte in each place of 8.
inline uint64_t Repeated(uint64_t byte) { return byte * 0x0101010101010101ULL; }

// The same of a text whose FirstWord is known: up to 8 digits with or without a point are read all at once.
inline bool ParseNumber(const Text& text, uint64_t word, double* number) {
  const int64_t size = text.size();
  if (size < 1 || size > 8) return ParseNumber(text, number);
  const uint64_t no_point = word ^ Repeated('.');
  const uint64_t points = (no_point - Repeated(1)) & ~no_point & Repeated(0x80);
  const bool has_point = points != 0;
  const int64_t before = has_point ? __builtin_ctzll(points) & ~7 : 0;  // bits
  const int64_t digits = size - has_point;
  if (!digits) return false;
  uint64_t all = (word & ~(~0ULL << before)) | word >> before >> 8 * has_point << before;
  all = all << (64 - 8 * digits) | Repeated('0') >> 8 * (digits - 1) >> 8;  // the last digit in the highest byte
  if ((all & (all + Repeated(6)) & Repeated(0xf0)) != Repeated('0')) return ParseNumber(text, number);
  all = ((all & Repeated(0x0f)) * (1 + (10 << 8))) >> 8;  // pairs of digits
  all = ((all & 0x00ff00ff00ff00ffULL) * (1 + (100 << 16))) >> 16;
  all = ((all & 0x0000ffff0000ffffULL) * (1 + (10000ULL << 32))) >> 32;
  *number = static_cast<double>(all) / kPowers[has_point ? size - 1 - before / 8 : 0];
  return true;
}

}  // namespace zoo

#endif  // MODELZOO_TEXTS_H_
