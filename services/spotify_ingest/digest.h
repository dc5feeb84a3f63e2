#ifndef PLAYLOG_SERVICES_SPOTIFY_INGEST_DIGEST_H_
#define PLAYLOG_SERVICES_SPOTIFY_INGEST_DIGEST_H_

#include <string>
#include <string_view>

namespace playlog::spotify_ingest {

// Returns the 32 bytes of the SHA-256.
std::string Sha256(std::string_view bytes);

// Returns 32 bytes that nobody can guess as base64url (43 characters). The process ends if the
// system gives none.
std::string RandomText();

// Whether two texts are the same, in a time that does not tell where they differ.
bool EqualsInConstantTime(std::string_view a, std::string_view b);

}  // namespace playlog::spotify_ingest

#endif  // PLAYLOG_SERVICES_SPOTIFY_INGEST_DIGEST_H_
