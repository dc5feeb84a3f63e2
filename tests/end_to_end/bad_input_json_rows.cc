// The corpus's layer JSON, sent to the route that stores keys.

#include "absl/strings/str_cat.h"
#include "tests/end_to_end/bad_input.h"

namespace playlog::harness {
namespace {

constexpr char kInvalidJson[] = "INVALID_JSON";
constexpr char kInvalidField[] = "INVALID_FIELD";

BadRequest Key(std::string id, std::string what, std::string body, std::string code = kInvalidJson,
               std::string mentions = "") {
  return {.id = std::move(id),
          .what = std::move(what),
          .bytes = JsonPost("/users/api-keys/", body),
          .code = std::move(code),
          .mentions = std::move(mentions)};
}

// A body that is good but for the key, which is given as JSON.
std::string WithKey(std::string_view key) {
  return absl::StrCat(R"({"service_name":"spotify","api_key":)",
                      absl::string_view(key.data(), key.size()), "}");
}

std::string WithService(std::string_view service) {
  return absl::StrCat(R"({"api_key":"key","service_name":)",
                      absl::string_view(service.data(), service.size()), "}");
}

BadRequest Registration(std::string id, std::string what, std::string username,
                        std::string password, std::string code, std::string mentions) {
  return {.id = std::move(id),
          .what = std::move(what),
          .bytes = JsonPost("/users/register/", absl::StrCat("{\"username\":", username,
                                                             ",\"password\":", password, "}")),
          .code = std::move(code),
          .mentions = std::move(mentions)};
}

// UTF-16LE with its mark, as some editors save it.
std::string Utf16(std::string_view ascii) {
  std::string text = "\xFF\xFE";
  for (const char c : ascii) text += {c, '\0'};
  return text;
}

void AppendSyntaxRows(std::vector<BadRequest>& rows) {
  for (const char* body : {"", " \r\n\t "}) rows.push_back(Key("J01", "blank body", body));
  for (const char* body : {"null", "1", "\"a\"", "[]", "true"})
    rows.push_back(Key("J02", body, body));
  for (const char* body : {"{'service_name':'spotify'}", "{service_name:\"spotify\"}",
                           R"({"service_name":"spotify","api_key":"k",})"}) {
    rows.push_back(Key("J04", body, body));
  }
  for (const char* body : {R"({/*c*/"service_name":"spotify"})", "{} // c"}) {
    rows.push_back(Key("J05", body, body));
  }
  for (const char* body : {"{}{}", R"({"a":1} x)"}) rows.push_back(Key("J06", body, body));
  rows.push_back(Key("J07", "a key twice",
                     R"({"service_name":"spotify","service_name":"lastfm","api_key":"k"})",
                     kInvalidJson, "service_name"));
  for (const char* value : {"NaN", "Infinity", "-Infinity"}) {
    rows.push_back(Key("J08", value, WithKey(value)));
  }
  rows.push_back(Key("J09", "1e400", WithKey("1e400")));
  for (const char* value : {"01", "+1", ".5", "1.", "0x1"}) {
    rows.push_back(Key("J10", value, WithKey(value)));
  }
  rows.push_back(Key("J12", "a raw NUL", WithKey(std::string_view("\"ab\0cd\"", 7))));
  for (const char* value : {R"("\x41")", R"("\u12")", R"("\uZZZZ")"}) {
    rows.push_back(Key("J15", value, WithKey(value)));
  }
  for (const char* bytes :
       {"\"\xFF\"", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xE2\x82\""}) {
    rows.push_back(Key("J16", "bytes that are no UTF-8", WithKey(bytes)));
  }
  rows.push_back(Key("J17", "a byte order mark", "\xEF\xBB\xBF" + WithKey("\"key\"")));
  rows.push_back(Key("J18", "UTF-16", Utf16(WithKey("\"key\""))));
  for (const char* body : {R"({"a": )", R"({"a":"x)"}) rows.push_back(Key("J19", body, body));
}

void AppendFieldRows(std::vector<BadRequest>& rows) {
  for (const char* member : {R"("is_admin":true)", R"("user_id":2)", R"("__proto__":{})"}) {
    const std::string name = std::string(member).substr(1, std::string(member).find('"', 1) - 1);
    rows.push_back(Key("J24", member,
                       absl::StrCat(R"({"service_name":"spotify","api_key":"k",)", member, "}"),
                       "UNKNOWN_FIELD", name));
  }
  rows.push_back(
      Key("J25", "no service_name", R"({"api_key":"key"})", kInvalidField, "service_name"));
  for (const char* value : {"null", "1", "[]", "{}", "\"deezer\"", "\"\"", "\"SPOTIFY\""}) {
    rows.push_back(Key("J25", value, WithService(value), kInvalidField, "service_name"));
  }
  rows.push_back(
      Key("J27", "no api_key", R"({"service_name":"spotify"})", kInvalidField, "api_key"));
  for (const char* value : {"null", "\"\"", "\"   \"", "7"}) {
    rows.push_back(Key("J27", value, WithKey(value), kInvalidField, "api_key"));
  }
  rows.push_back(
      Key("J13", "an escaped NUL", WithKey(R"("ab\u0000cd")"), kInvalidField, "api_key"));
  rows.push_back(Key("J28", "a line end", WithKey(R"("ab\r\ncd")"), kInvalidField, "api_key"));
  rows.push_back(
      Key("J28", "a letter of Turkish", WithKey(R"("ab\u0130")"), kInvalidField, "api_key"));
  rows.push_back(Key("J28", "4097 characters",
                     WithKey(absl::StrCat("\"", std::string(4097, 'k'), "\"")), kInvalidField,
                     "4096"));
  rows.push_back(Key("J30", "an account of 129 characters",
                     absl::StrCat(R"({"service_name":"lastfm","api_key":"k","service_user_id":")",
                                  std::string(129, 'a'), "\"}"),
                     kInvalidField, "128"));
}

void AppendRegistrationRows(std::vector<BadRequest>& rows) {
  const std::string name = "\"nobody-registers-this\"";
  rows.push_back(Registration("J31", "a password of 7 characters", name, "\"7 chars\"",
                              kInvalidField, "8 to 128 characters"));
  rows.push_back(Registration("J31", "a password of 129 characters", name,
                              absl::StrCat("\"", std::string(129, 'p'), "\""), kInvalidField,
                              "8 to 128 characters"));
  rows.push_back(Registration("J31", "a password of 900 KB", name,
                              absl::StrCat("\"", std::string(900'000, 'p'), "\""), kInvalidField,
                              "8 to 128 characters"));
  for (const char* password : {"password1", "iloveyou", "1234567890", "qwertyuiop", "football1",
                               "q1w2e3r4t5", "Komputer"}) {
    rows.push_back(Registration("J33", password, name, absl::StrCat("\"", password, "\""),
                                "WEAK_PASSWORD", "password"));
  }
  for (const char* username : {R"("a\u0000b")", R"("a\u0007b")", R"("a\u202Eb")", "\"\"", "\"a b\"",
                               "\"\xC3\xA9\"", "7"}) {
    rows.push_back(Registration("J35", username, username, "\"vellum otter quarry\"", kInvalidField,
                                "username"));
  }
  rows.push_back(Registration("J35", "151 characters",
                              absl::StrCat("\"", std::string(151, 'u'), "\""),
                              "\"vellum otter quarry\"", kInvalidField, "150"));
  for (const char* username :
       {R"("' OR 1=1;--")", R"("$1")", R"("%s%n")", R"("${jndi:x}")", R"("{{7*7}}")"}) {
    rows.push_back(Registration("J36", username, username, "\"vellum otter quarry\"", kInvalidField,
                                "username"));
  }
  rows.push_back(Registration("J38", "a forged log line", R"("x\nlevel=error msg=forged")",
                              "\"vellum otter quarry\"", kInvalidField, "username"));
}

}  // namespace

std::vector<BadRequest> JsonRows() {
  std::vector<BadRequest> rows;
  AppendSyntaxRows(rows);
  AppendFieldRows(rows);
  AppendRegistrationRows(rows);
  return rows;
}

}  // namespace playlog::harness
