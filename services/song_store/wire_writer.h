#ifndef PLAYLOG_SERVICES_SONG_STORE_WIRE_WRITER_H_
#define PLAYLOG_SERVICES_SONG_STORE_WIRE_WRITER_H_

#include <google/protobuf/io/coded_stream.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace playlog::song_store {

// Append a field in Protobuf's encoding
// (https://protobuf.dev/programming-guides/encoding): a tag of the field's number and wire type,
// then a varint, or a length and as many bytes.

inline void AppendVarint(int field, std::uint64_t value, std::string& out) {
  using google::protobuf::io::CodedOutputStream;
  std::uint8_t bytes[16];
  std::uint8_t* end =
      CodedOutputStream::WriteVarint32ToArray(static_cast<std::uint32_t>(field) << 3, bytes);
  end = CodedOutputStream::WriteVarint64ToArray(value, end);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(end - bytes));
}

inline void AppendText(int field, std::string_view text, std::string& out) {
  constexpr std::uint32_t kLengthDelimited = 2;
  using google::protobuf::io::CodedOutputStream;
  std::uint8_t bytes[16];
  std::uint8_t* end = CodedOutputStream::WriteVarint32ToArray(
      static_cast<std::uint32_t>(field) << 3 | kLengthDelimited, bytes);
  end = CodedOutputStream::WriteVarint64ToArray(text.size(), end);
  out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(end - bytes));
  out.append(text);
}

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_WIRE_WRITER_H_
