#ifndef PLAYLOG_TESTS_STANDINS_GZIP_H_
#define PLAYLOG_TESTS_STANDINS_GZIP_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace playlog::standins {

// A valid gzip file (RFC 1952) that holds the bytes uncompressed.
std::string GzipStored(std::string_view bytes);

// A valid gzip file of about `size` zero bytes (rounded up to a multiple of 258), 1/160 as long.
std::string GzipOfZeros(std::int64_t size);

}  // namespace playlog::standins

#endif  // PLAYLOG_TESTS_STANDINS_GZIP_H_
