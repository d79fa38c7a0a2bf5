// Thrift's compact protocol, as far as headers of Parquet's pages take it.

#ifndef MODELZOO_THRIFT_H_
#define MODELZOO_THRIFT_H_

#include "pipeline/bits.h"

namespace zoo {

// Reads a structure field by field. What lies behind the end reads as zeros, and is_right() is false from then on.
class Thrift {
 public:
  enum Type { kTrue = 1, kFalse = 2, kByte = 3, kShort = 4, kInt = 5, kLong = 6, kDouble = 7, kText = 8, kList = 9,
              kSet = 10, kStruct = 12 };

  explicit Thrift(Bytes in) : in_(in) {}

  const uint8_t* at() const { return in_.at; }
  bool is_right() const { return is_right_; }

  // The type of the next field and its number, which must hold that of the one before; 0 behind the last one.
  int Next(int* field) {
    const int head = Byte(), type = head & 15, step = head >> 4;
    if (type) *field = step ? *field + step : static_cast<int>(Int());
    return is_right_ ? type : 0;
  }

  int64_t Int() {
    uint64_t number = 0;
    is_right_ &= ReadVarint(&in_, &number);
    return static_cast<int64_t>(number >> 1) ^ -static_cast<int64_t>(number & 1);
  }

  void Skip(int type, int depth = 0) {
    if (type == kTrue || type == kFalse) return;
    if (type == kByte) return Leave(1);
    if (type == kShort || type == kInt || type == kLong) return static_cast<void>(Int());
    if (type == kDouble) return Leave(8);
    if (depth > 8 || (type != kText && type != kList && type != kSet && type != kStruct)) return Leave(-1);
    if (type == kText) return Leave(Size());
    int field = 0;
    if (type == kStruct) {
      while (const int inner = Next(&field)) Skip(inner, depth + 1);
      return;
    }
    const int head = Byte();
    const int64_t size = head >> 4 == 15 ? Size() : head >> 4;
    for (int64_t i = 0; i < size && is_right_; ++i) SkipItem(head & 15, depth + 1);
  }

 private:
  int Byte() {
    is_right_ &= in_.size() > 0;
    return is_right_ ? *in_.at++ : 0;
  }
  int64_t Size() {
    uint64_t size = 0;
    is_right_ &= ReadVarint(&in_, &size);
    return static_cast<int64_t>(size);
  }
  void Leave(int64_t size) {
    is_right_ &= size >= 0 && size <= in_.size();
    if (is_right_) in_.at += size;
  }
  void SkipItem(int type, int depth) {
    if (type == kTrue || type == kFalse) return Leave(1);  // a byte, where it is no field
    Skip(type, depth);
  }

  Bytes in_;
  bool is_right_ = true;
};

}  // namespace zoo

#endif  // MODELZOO_THRIFT_H_
