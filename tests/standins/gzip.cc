#include "tests/standins/gzip.h"

#include <algorithm>
#include <boost/crc.hpp>

namespace playlog::standins {
namespace {

constexpr std::string_view kGzipHead{"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 10};
constexpr std::size_t kMaxStoredBlock = 65535;

void AppendLittleEndian(std::string& out, std::uint32_t number, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>((number >> (8 * i)) & 0xFF));
}

void AppendTrailer(std::string& out, std::uint32_t checksum, std::uint32_t length) {
  AppendLittleEndian(out, checksum, 4);
  AppendLittleEndian(out, length, 4);
}

// Packs bits as DEFLATE wants them: the first into the lowest bit of a byte.
class BitWriter {
 public:
  explicit BitWriter(std::string& out) : out_(out) {}

  // Bits of a Huffman code, most significant first, written as text for the reader's sake.
  void Append(std::string_view bits) {
    for (const char bit : bits) {
      if (bit == '1') byte_ |= 1U << count_;
      if (++count_ == 8) Flush();
    }
  }

  void Flush() {
    if (count_ == 0) return;
    out_.push_back(static_cast<char>(byte_));
    byte_ = 0;
    count_ = 0;
  }

 private:
  std::string& out_;
  unsigned byte_ = 0;
  unsigned count_ = 0;
};

}  // namespace

std::string GzipStored(std::string_view bytes) {
  std::string out(kGzipHead);
  std::string_view rest = bytes;
  do {
    const std::string_view block = rest.substr(0, kMaxStoredBlock);
    rest.remove_prefix(block.size());
    out.push_back(rest.empty() ? '\1' : '\0');
    AppendLittleEndian(out, static_cast<std::uint32_t>(block.size()), 2);
    AppendLittleEndian(out, ~static_cast<std::uint32_t>(block.size()) & 0xFFFF, 2);
    out += block;
  } while (!rest.empty());
  boost::crc_32_type checksum;
  checksum.process_bytes(bytes.data(), bytes.size());
  AppendTrailer(out, checksum.checksum(), static_cast<std::uint32_t>(bytes.size()));
  return out;
}

std::string GzipOfZeros(std::int64_t size) {
  const std::int64_t runs = std::max<std::int64_t>(1, (size + 257) / 258) - 1;
  std::string out(kGzipHead);
  BitWriter bits(out);
  bits.Append("1");   // The last block,
  bits.Append("10");  // with the fixed codes.
  // One run is written by hand: 258 zeros, so that each of the others can copy the last 258 bytes.
  for (int i = 0; i < 258; ++i) bits.Append("00110000");
  for (std::int64_t i = 0; i < runs; ++i) bits.Append("1100010100000");  // 258 bytes from 1 back.
  bits.Append("0000000");
  bits.Flush();

  const std::string zeros(258, '\0');
  boost::crc_32_type checksum;
  for (std::int64_t i = 0; i <= runs; ++i) checksum.process_bytes(zeros.data(), zeros.size());
  AppendTrailer(out, checksum.checksum(), static_cast<std::uint32_t>((runs + 1) * 258));
  return out;
}

}  // namespace playlog::standins
