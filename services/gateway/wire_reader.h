#ifndef PLAYLOG_SERVICES_GATEWAY_WIRE_READER_H_
#define PLAYLOG_SERVICES_GATEWAY_WIRE_READER_H_

#include <cstdint>
#include <cstring>
#include <string_view>

#include "services/gateway/json_plan.h"

namespace playlog::gateway {

// One field as it stands in wire form.
struct WireRecord {
  std::uint32_t number = 0;
  WireType wire_type = WireType::kVarint;
  std::uint64_t value = 0;      // Of a varint or a fixed-width number.
  std::string_view bytes;       // Of a length-delimited field.
  const char* begin = nullptr;  // The whole record with its tag.
  const char* end = nullptr;
};

// Reads the Protobuf encoding, field by field, without copying. It never reads beyond its bytes.
class WireReader {
 public:
  explicit WireReader(std::string_view wire) : at_(wire.data()), end_(at_ + wire.size()) {}

  // Reads the next field. Returns false at the end and at malformed bytes; ok() tells which.
  bool Next(WireRecord& record) {
    if (at_ == end_) return false;
    record.begin = at_;
    std::uint64_t tag = 0;
    if (!ReadVarint(tag) || tag >> 3 == 0 || tag >> 3 > kMaxNumber) return Fail();
    record.number = static_cast<std::uint32_t>(tag >> 3);
    record.wire_type = static_cast<WireType>(tag & 7);
    return ReadValue(record);
  }

  // Reads the next element of packed values.
  bool NextPacked(WireType wire_type, WireRecord& record) {
    if (at_ == end_) return false;
    record.begin = at_;
    record.wire_type = wire_type;
    return ReadValue(record);
  }

  bool ok() const { return ok_; }

 private:
  static constexpr std::uint64_t kMaxNumber = (1u << 29) - 1;

  bool ReadValue(WireRecord& record) {
    bool read = false;
    switch (record.wire_type) {
      case WireType::kVarint:
        read = ReadVarint(record.value);
        break;
      case WireType::kFixed64:
        read = ReadFixed(8, record.value);
        break;
      case WireType::kFixed32:
        read = ReadFixed(4, record.value);
        break;
      case WireType::kLength:
        read = ReadBytes(record.bytes);
        break;
    }
    record.end = at_;
    return read || Fail();
  }

  bool ReadVarint(std::uint64_t& value) {
    value = 0;
    for (int shift = 0; shift < 70 && at_ != end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
      if (byte < 0x80) return true;
    }
    return false;
  }

  // Fixed-width numbers are little-endian, as are the machines that this program is built for.
  bool ReadFixed(std::size_t width, std::uint64_t& value) {
    if (static_cast<std::size_t>(end_ - at_) < width) return false;
    value = 0;
    std::memcpy(&value, at_, width);
    at_ += width;
    return true;
  }

  bool ReadBytes(std::string_view& bytes) {
    std::uint64_t size = 0;
    if (!ReadVarint(size) || size > static_cast<std::uint64_t>(end_ - at_)) return false;
    bytes = {at_, static_cast<std::size_t>(size)};
    at_ += size;
    return true;
  }

  bool Fail() {
    ok_ = false;
    return false;
  }

  const char* at_;
  const char* end_;
  bool ok_ = true;
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_WIRE_READER_H_
