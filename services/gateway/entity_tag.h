#ifndef PLAYLOG_SERVICES_GATEWAY_ENTITY_TAG_H_
#define PLAYLOG_SERVICES_GATEWAY_ENTITY_TAG_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "services/gateway/http_message.h"

namespace playlog::gateway {

// Returns the ETag of the answer that `key`, which names who asks for what, has at a revision of
// that user's data. It is strong: the same tag, the same bytes. It also depends on the protos that
// this program is built with, since another version may write another JSON. It tells nothing.
std::string MakeEntityTag(std::string_view key, std::int64_t revision);

// What the fields If-None-Match of a request say of an answer (RFC 9110, 13.1.2).
enum class NoneMatch {
  kAbsent,  // There is none that can be understood.
  kOther,   // The client has other answers.
  kSame,    // The client has the answer with this tag.
  kAny,     // `*`: the client has some answer, and wants to know only whether there is one.
};
NoneMatch CompareEntityTag(const HttpHeaders& headers, std::string_view tag);

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_ENTITY_TAG_H_
