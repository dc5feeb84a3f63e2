#include "services/auth/users.h"

#include <openssl/crypto.h>
#include <zxcvbn.h>

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "common/base/error.h"
#include "common/base/strings.h"
#include "password_files.h"

namespace playlog::auth {
namespace {

constexpr std::size_t kUsernameSizeMax = 150;
constexpr std::size_t kPasswordCharactersMin = 8;
constexpr std::size_t kPasswordCharactersMax = 128;
constexpr std::size_t kUtf8CharacterBytesMax = 4;
// A million guesses, in bits.
constexpr double kPasswordBitsMin = 19.93;

// What make_common_passwords.sh made: sorted lines.
std::vector<std::string_view> ReadCommonPasswords() {
  std::vector<std::string_view> lines;
  std::string_view text = PasswordFiles().front().contents;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

bool IsCommonPassword(const std::string& password) {
  static const auto& common = *new std::vector<std::string_view>(ReadCommonPasswords());
  std::string folded = absl::AsciiStrToLower(password);
  const bool found = std::binary_search(common.begin(), common.end(), std::string_view(folded));
  OPENSSL_cleanse(folded.data(), folded.size());
  return found;
}

bool IsUsernameCharacter(unsigned char character) {
  constexpr std::string_view kPunctuation = "@.+-_";
  return absl::ascii_isalnum(character) ||
         kPunctuation.find(static_cast<char>(character)) != std::string_view::npos;
}

}  // namespace

bool IsUsername(std::string_view name) {
  return !name.empty() && name.size() <= kUsernameSizeMax &&
         std::all_of(name.begin(), name.end(), IsUsernameCharacter);
}

absl::Status CheckUsername(std::string_view name) {
  if (IsUsername(name)) return absl::OkStatus();
  return InvalidField("username", "1 to 150 ASCII letters, digits and @ . + - _");
}

std::string FoldUsername(std::string_view name) { return absl::AsciiStrToLower(ToAbsl(name)); }

bool HasPasswordLength(std::string_view password) {
  // The size in bytes comes first, so that a huge text is not even counted.
  if (password.size() > kPasswordCharactersMax * kUtf8CharacterBytesMax) return false;
  if (!IsValidUtf8(password)) return false;
  const std::size_t characters = CountCodePoints(password);
  return characters >= kPasswordCharactersMin && characters <= kPasswordCharactersMax;
}

absl::Status CheckPasswordLength(std::string_view field, std::string_view password) {
  if (HasPasswordLength(password)) return absl::OkStatus();
  return InvalidField(field, "8 to 128 characters");
}

absl::Status CheckPasswordStrength(std::string_view name, std::string_view password) {
  // The library reads up to a NUL; another control character counts the same to a guesser.
  std::string text(password);
  std::replace(text.begin(), text.end(), '\0', '\1');
  const absl::Cleanup cleanse = [&text] { OPENSSL_cleanse(text.data(), text.size()); };
  const std::string known_name(name);
  const char* words[] = {known_name.c_str(), "playlog", "spotify", "lastfm", nullptr};
  if (!IsCommonPassword(text) && ZxcvbnMatch(text.c_str(), words, nullptr) >= kPasswordBitsMin) {
    return absl::OkStatus();
  }
  return Error(errors::v1::ERROR_CODE_WEAK_PASSWORD, "Invalid password: too easy to guess",
               "Use a longer password, such as several words that do not belong together.");
}

}  // namespace playlog::auth
