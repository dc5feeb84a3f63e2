#include "services/auth/token_key_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/log.h"
#include "common/base/metrics.h"

namespace playlog::auth {
namespace {

void SetForKey(const std::string& name, const std::string& help, const std::string& kid,
               bool value) {
  GetGauge(name, help, {{"kid", kid}}).Set(value ? 1 : 0);
}

void ShowKey(const std::string& kid, bool listed, bool signing) {
  SetForKey("playlog_token_key_listed", "Whether a key of access tokens is published.", kid,
            listed);
  SetForKey("playlog_token_key_signing", "Whether a key signs access tokens now.", kid, signing);
}

void ShowFile(bool good) {
  GetGauge("playlog_token_key_file_good", "Whether the file of signing keys can be used.")
      .Set(good ? 1 : 0);
}

absl::StatusOr<std::vector<jwt::SigningKey>> Parse(const absl::StatusOr<Secret>& contents) {
  if (!contents.ok()) return contents.status();
  return jwt::SigningKey::AllFromPem(contents->Reveal());
}

}  // namespace

absl::StatusOr<std::vector<jwt::SigningKey>> TokenKeyFile::Read(const std::string& path) {
  if (path.empty()) return absl::FailedPreconditionError("--token_key_file is not set");
  const absl::StatusOr<Secret> contents = ReadSecretFile(path);
  if (!contents.ok()) return contents.status();
  absl::StatusOr<std::vector<jwt::SigningKey>> keys = Parse(contents);
  if (keys.ok()) return keys;
  return absl::FailedPreconditionError(
      absl::StrCat("--token_key_file ", path, ": ", keys.status().message()));
}

TokenKeyFile::TokenKeyFile(std::string path, AccessTokens& tokens, absl::Duration between_looks)
    : path_(std::move(path)), tokens_(tokens), between_looks_(between_looks) {
  Look();
  watcher_ = std::thread([this] { Watch(); });
}

TokenKeyFile::~TokenKeyFile() {
  stop_.Raise();
  watcher_.join();
}

void TokenKeyFile::Watch() {
  while (!stop_.WaitFor(between_looks_)) Look();
}

void TokenKeyFile::Look() {
  absl::StatusOr<Secret> contents = ReadSecretFile(path_);
  // Most of the time nothing has changed.
  if (contents.ok() && contents->Reveal() == contents_.Reveal()) return;
  absl::StatusOr<std::vector<jwt::SigningKey>> keys = Parse(contents);
  contents_ = contents.ok() ? *std::move(contents) : Secret();
  return keys.ok() ? Take(*std::move(keys)) : Refuse(keys.status());
}

void TokenKeyFile::Refuse(const absl::Status& status) {
  ShowFile(false);
  const std::string why(status.message());
  // The same fault, second after second, is told once.
  if (SetRefusal(why)) {
    Log(Severity::kError, "token_key_file_refused", {{"file", path_}, {"error", why}});
  }
}

bool TokenKeyFile::SetRefusal(std::string refusal) {
  const absl::MutexLock lock(&mutex_);
  if (refusal == refusal_) return false;
  refusal_ = std::move(refusal);
  return true;
}

std::string TokenKeyFile::refusal() const {
  const absl::MutexLock lock(&mutex_);
  return refusal_;
}

void TokenKeyFile::Take(std::vector<jwt::SigningKey> keys) {
  const std::vector<jwt::PublicKey> before = tokens_.public_keys();
  tokens_.Replace(std::move(keys));
  const std::vector<jwt::PublicKey> after = tokens_.public_keys();
  const std::string& signing = after.front().kid;
  for (const jwt::PublicKey& key : before) {
    const bool gone = std::none_of(after.begin(), after.end(), [&key](const jwt::PublicKey& other) {
      return other.kid == key.kid;
    });
    if (gone) ShowKey(key.kid, false, false);
  }
  for (const jwt::PublicKey& key : after) ShowKey(key.kid, true, key.kid == signing);
  ShowFile(true);
  SetRefusal("");
  Log(Severity::kInfo, "token_keys", {{"signing", signing}, {"listed", after.size()}});
}

}  // namespace playlog::auth
