#ifndef PLAYLOG_COMMON_JWT_TESTING_H_
#define PLAYLOG_COMMON_JWT_TESTING_H_

#include <string>

#include "common/jwt/jwt.h"

namespace playlog::jwt {

// Fresh keys for tests: a PEM private key on a curve, and one that signs tokens.
std::string NewPrivateKeyPem(const std::string& curve = "P-256");
SigningKey NewSigningKey();

}  // namespace playlog::jwt

#endif  // PLAYLOG_COMMON_JWT_TESTING_H_
