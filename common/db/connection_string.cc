#include "common/db/connection_string.h"

#include <libpq-fe.h>

#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/strings.h"

namespace playlog::db {
namespace {

constexpr std::size_t kNameMax = 63;  // PostgreSQL cuts longer names.

bool IsSchemaName(std::string_view name) {
  if (name.empty() || name.size() > kNameMax) return false;
  for (const char character : name) {
    if ((character < 'a' || character > 'z') && character != '_') return false;
  }
  return true;
}

std::string SessionOptions(const SessionSettings& settings) {
  return absl::StrCat(
      "-c search_path=", ToAbsl(settings.schema),
      " -c statement_timeout=", absl::ToInt64Milliseconds(settings.statement_timeout),
      " -c lock_timeout=", absl::ToInt64Milliseconds(settings.lock_timeout),
      " -c idle_in_transaction_session_timeout=5s -c client_connection_check_interval=5s"
      " -c TimeZone=UTC -c DateStyle=ISO -c bytea_output=hex"
      // No statement of ours runs long enough to earn what compiling it takes.
      " -c jit=off",
      settings.further.empty() ? "" : " ", ToAbsl(settings.further));
}

absl::StatusOr<std::map<std::string, std::string>> ParseUrl(std::string_view url) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> parsed(
      PQconninfoParse(std::string(url).c_str(), &error), PQconninfoFree);
  if (parsed == nullptr) {
    // libpq's text may quote the URL, and the URL may hold a password.
    PQfreemem(error);
    return absl::InvalidArgumentError("the database URL is not a libpq URL");
  }
  std::map<std::string, std::string> values;
  for (const PQconninfoOption* option = parsed.get(); option->keyword != nullptr; ++option) {
    if (option->val != nullptr) values[option->keyword] = option->val;
  }
  return values;
}

}  // namespace

absl::StatusOr<std::string> ConnectionString(std::string_view url,
                                             const SessionSettings& settings) {
  if (!IsSchemaName(settings.schema)) {
    return absl::InvalidArgumentError("a schema's name is 1 to 63 lower-case letters and '_'");
  }
  if (url.empty() || url.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError("the database URL is empty or holds a NUL");
  }
  auto values = ParseUrl(url);
  if (!values.ok()) return values.status();
  std::string& options = (*values)["options"];
  absl::StrAppend(&options, options.empty() ? "" : " ", SessionOptions(settings));
  values->try_emplace("connect_timeout", "2");
  values->try_emplace("application_name", absl::StrCat("playlog-", ToAbsl(settings.schema)));
  (*values)["client_encoding"] = "UTF8";
  std::string result;
  for (const auto& [keyword, value] : *values) {
    absl::StrAppend(&result, keyword, "='",
                    absl::StrReplaceAll(value, {{"\\", "\\\\"}, {"'", "\\'"}}), "' ");
  }
  return result;
}

}  // namespace playlog::db
