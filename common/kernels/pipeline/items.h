// Texts cut into items, in the ways that suit what is done with them.

#ifndef MODELZOO_ITEMS_H_
#define MODELZOO_ITEMS_H_

#include <algorithm>
#include <vector>

#include "pipeline/texts.h"

namespace zoo {

// Cuts texts into items; an empty text has none.
class Items {
 public:
  Items(const Texts& texts, char separator) : texts_(texts), separator_(separator), size_(0) {}

  void Cut(int64_t i) {
    text_ = texts_[i];
    nulls_ = texts_.NullsIn(text_);
    if (static_cast<int64_t>(stops_.size()) < text_.size() + 16) stops_.resize(2 * text_.size() + 16);
    size_ = text_.size() ? FindAll(text_, separator_, separator_, stops_.data()) + 1 : 0;
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
      uint64_t found = Matches(at, separator, separator);
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

}  // namespace zoo

#endif  // MODELZOO_ITEMS_H_
