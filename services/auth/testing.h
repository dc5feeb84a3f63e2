#ifndef PLAYLOG_SERVICES_AUTH_TESTING_H_
#define PLAYLOG_SERVICES_AUTH_TESTING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "services/auth/key_ring.h"

namespace playlog::auth {

// Returns the text of a ring's file of the ids, the first of them primary. An id has the same key
// in every ring. `copies_of_one` are further ids, with the key of id 1.
std::string KeyRingText(const std::vector<std::uint32_t>& ids,
                        const std::vector<std::uint32_t>& copies_of_one = {});

// Returns the ring of that text.
KeyRing NewKeyRing(const std::vector<std::uint32_t>& ids,
                   const std::vector<std::uint32_t>& copies_of_one = {});

}  // namespace playlog::auth

#endif  // PLAYLOG_SERVICES_AUTH_TESTING_H_
