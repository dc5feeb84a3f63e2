#ifndef PLAYLOG_SERVICES_GATEWAY_JSON_TEXT_H_
#define PLAYLOG_SERVICES_GATEWAY_JSON_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace playlog::gateway {

// The smallest pieces of JSON. Each function appends to `out`, which allocates only when it grows.

// Appends the text as a JSON string with its quotes. Quotation marks, backslashes and control
// characters are escaped; each byte that is not part of well-formed UTF-8 becomes U+FFFD, so that
// the output is always valid.
void AppendJsonString(std::string_view text, std::string& out);

// Appends the bytes as a JSON string of base64 with padding.
void AppendJsonBytes(std::string_view bytes, std::string& out);

void AppendInteger(std::int64_t value, std::string& out);
void AppendUnsigned(std::uint64_t value, std::string& out);

// Append the shortest number that reads back as the same value. Return false and append nothing
// for infinities and NaN, which JSON cannot express.
bool AppendDouble(double value, std::string& out);
bool AppendFloat(float value, std::string& out);

// Appends a time as a JSON string in RFC 3339: UTC with `Z` and 0, 3 or 6 digits of fraction, as
// few as it needs; anything finer than a microsecond is cut. Returns false and appends nothing
// outside the years 1 to 9999 or if the nanoseconds are not 0 to 999,999,999.
bool AppendTimestamp(std::int64_t seconds, std::int64_t nanoseconds, std::string& out);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_JSON_TEXT_H_
