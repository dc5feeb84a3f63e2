#include "tests/harness/api.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <boost/json.hpp>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/strings.h"

namespace playlog::harness {
namespace {

namespace json = boost::json;

std::optional<json::value> Find(std::string_view text, std::string_view path) {
  boost::system::error_code error;
  json::value document = json::parse(text, error);
  if (error) return std::nullopt;
  const json::value* place = &document;
  for (const absl::string_view name : absl::StrSplit(ToAbsl(path), '.', absl::SkipEmpty())) {
    std::size_t index = 0;
    if (const json::object* object = place->if_object()) {
      place = object->if_contains(FromAbsl(name));
    } else if (place->is_array() && absl::SimpleAtoi(name, &index)) {
      place = place->get_array().if_contains(index);
    } else {
      place = nullptr;
    }
    if (place == nullptr) return std::nullopt;
  }
  return json::value(*place);
}

}  // namespace

std::string RequestText(std::string_view method, std::string_view target, std::string_view token,
                        std::string_view json, std::string_view fields) {
  std::string text =
      absl::StrCat(ToAbsl(method), " ", ToAbsl(target), " HTTP/1.1\r\nHost: playlog\r\n");
  if (!token.empty()) absl::StrAppend(&text, "Authorization: Bearer ", ToAbsl(token), "\r\n");
  if (!json.empty()) {
    absl::StrAppend(&text, "Content-Type: application/json\r\nContent-Length: ", json.size(),
                    "\r\n");
  }
  absl::StrAppend(&text, "Connection: close\r\n", ToAbsl(fields), "\r\n", ToAbsl(json));
  return text;
}

HttpAnswer Api::Get(std::string_view target, std::string_view token) const {
  return Exchange(port_, RequestText("GET", target, token));
}

HttpAnswer Api::Head(std::string_view target, std::string_view token) const {
  return Exchange(port_, RequestText("HEAD", target, token), absl::Seconds(40), false);
}

HttpAnswer Api::Delete(std::string_view target, std::string_view token) const {
  return Exchange(port_, RequestText("DELETE", target, token));
}

HttpAnswer Api::Post(std::string_view target, std::string_view json, std::string_view token) const {
  return Exchange(port_, RequestText("POST", target, token, json));
}

HttpAnswer Api::Put(std::string_view target, std::string_view json, std::string_view token) const {
  return Exchange(port_, RequestText("PUT", target, token, json));
}

User Api::NewUser() const {
  static std::atomic<int> count = 0;
  User user;
  user.name = absl::StrCat("user-", getpid(), "-", ++count);
  user.password = absl::StrCat("vellum otter ", count.load(), " quarry");
  const std::string credentials = absl::StrCat("{\"username\":", Quoted(user.name),
                                               ",\"password\":", Quoted(user.password), "}");
  const HttpAnswer registered = Post("/users/register/", credentials);
  const HttpAnswer tokens = Post("/users/token/", credentials);
  if (registered.status != 201 || tokens.status != 200) {
    ADD_FAILURE() << "no new user: " << registered.status << " " << registered.body << ", "
                  << tokens.status << " " << (tokens.status == 200 ? "" : tokens.body);
    return user;
  }
  EXPECT_TRUE(absl::SimpleAtoi(Member(registered.body, "id"), &user.id));
  user.access = Member(tokens.body, "access");
  user.refresh = Member(tokens.body, "refresh");
  return user;
}

HttpAnswer Api::StoreSpotifyToken(const User& user, std::string_view token) const {
  return Post("/users/api-keys/",
              absl::StrCat(R"({"service_name":"spotify","api_key":)", Quoted(token), "}"),
              user.access);
}

HttpAnswer Api::StoreLastfmKey(const User& user, std::string_view key,
                               std::string_view account) const {
  std::string body = absl::StrCat(R"({"service_name":"lastfm","api_key":)", Quoted(key));
  if (!account.empty()) absl::StrAppend(&body, ",\"service_user_id\":", Quoted(account));
  return Post("/users/api-keys/", body + "}", user.access);
}

HttpAnswer Api::FetchSpotify(const User& user) const {
  return Get("/music/fetch-recently-played/", user.access);
}

HttpAnswer Api::FetchLastfm(const User& user, std::string_view query) const {
  return Get(absl::StrCat("/music/fetch-lastfm-recent/", ToAbsl(query)), user.access);
}

HttpAnswer Api::StoredSongs(const User& user, std::string_view query) const {
  return Get(absl::StrCat("/music/get-stored-songs/", ToAbsl(query)), user.access);
}

std::string Quoted(std::string_view text) { return json::serialize(json::string(text)); }

std::string Member(std::string_view json, std::string_view path) {
  const std::optional<json::value> value = Find(json, path);
  if (!value.has_value()) return "";
  if (value->is_string()) return std::string(value->get_string());
  return json::serialize(*value);
}

int CountElements(std::string_view json, std::string_view path) {
  const std::optional<json::value> value = Find(json, path);
  return value.has_value() && value->is_array() ? static_cast<int>(value->get_array().size()) : -1;
}

int CountOf(std::string_view text, std::string_view part) {
  int count = 0;
  for (std::size_t place = text.find(part); place != std::string_view::npos;
       place = text.find(part, place + part.size())) {
    ++count;
  }
  return count;
}

}  // namespace playlog::harness
