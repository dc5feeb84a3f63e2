#ifndef PLAYLOG_COMMON_BASE_CRYPTO_H_
#define PLAYLOG_COMMON_BASE_CRYPTO_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace playlog {

// Returns bytes that nobody can guess. Without them nothing here is safe, so the process ends if
// the system gives none.
std::string RandomBytes(std::size_t size);

// Returns the 32 bytes of the SHA-256.
std::string Sha256(std::string_view bytes);

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_CRYPTO_H_
