#include "services/gateway/web_pages.h"

#include <zlib.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/crypto.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "services/gateway/http_guard.h"

namespace playlog::gateway {
namespace {

constexpr char kPageFile[] = "index.html";
constexpr char kForAYear[] = "public, max-age=31536000, immutable";
// Twelve hexadecimal digits tell two versions of the files apart.
constexpr std::size_t kHashBytes = 6;

// Everything that a browser lets a page turn off and that Chromium knows by name: the page needs
// none of it. An unknown name would be an error on the console.
constexpr char kNoPermissions[] =
    "accelerometer=(), autoplay=(), camera=(), clipboard-read=(), clipboard-write=(), "
    "display-capture=(), encrypted-media=(), fullscreen=(), gamepad=(), geolocation=(), "
    "gyroscope=(), hid=(), idle-detection=(), local-fonts=(), magnetometer=(), microphone=(), "
    "midi=(), payment=(), picture-in-picture=(), publickey-credentials-get=(), "
    "screen-wake-lock=(), serial=(), storage-access=(), usb=(), "
    "xr-spatial-tracking=()";

std::string ContentSecurityPolicy(const std::string& art_origins) {
  return absl::StrCat(
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'",
      art_origins.empty() ? "" : " ", art_origins,
      "; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; "
      "require-trusted-types-for 'script'");
}

// The media type of a file by the end of its name; empty for an unknown one.
std::string ContentTypeOf(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  return "";
}

// What the policy may name: the scheme, the host and the port, nothing that could end a field of
// it.
absl::Status CheckOrigin(const std::string& origin) {
  const bool is_https = origin.starts_with("https://");
  const bool is_local =
      origin.starts_with("http://127.0.0.1:") || origin.starts_with("http://localhost:");
  if (is_https || is_local) {
    const std::string authority = origin.substr(origin.find("//") + 2);
    const bool is_plain = authority.find_first_of("@*,; '\"") == std::string::npos;
    if (is_plain && IsAuthority(authority)) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the origin of pictures \"", absl::CHexEscape(origin),
      "\" must be https://HOST or https://HOST:PORT, or http:// with a port of this machine"));
}

// The text as a gzip file (RFC 1952) of the best compression, or empty if that is no smaller.
std::string Gzip(std::string_view text) {
  constexpr int kGzipWindowBits = 15 + 16;
  constexpr int kMemoryLevel = 9;
  z_stream stream = {};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzipWindowBits, kMemoryLevel,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return "";
  }
  std::string out(deflateBound(&stream, text.size()), '\0');
  // zlib only reads it, whatever the type says.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return result == Z_STREAM_END && out.size() < text.size() ? out : "";
}

std::string HashOf(const std::string& text) {
  return absl::BytesToHexString(Sha256(text).substr(0, kHashBytes));
}

// A text that changes when any file or any of their names does.
std::string Joined(std::span<const EmbeddedFile> files) {
  std::string all;
  for (const EmbeddedFile& file : files) {
    absl::StrAppend(&all, ToAbsl(file.name), "\n", file.contents.size(), "\n",
                    ToAbsl(file.contents));
  }
  return all;
}

// Whether the value of Accept-Encoding takes gzip, by RFC 9110, 12.5.3.
bool TakesGzip(const std::string* accept_encoding) {
  if (accept_encoding == nullptr) return false;
  for (const absl::string_view coding : absl::StrSplit(*accept_encoding, ',')) {
    const std::vector<absl::string_view> parts = absl::StrSplit(coding, ';');
    if (!absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(parts.front()), "gzip")) continue;
    absl::string_view weight = absl::StripAsciiWhitespace(parts.back());
    double value = 1;
    return parts.size() == 1 || !absl::ConsumePrefix(&weight, "q=") ||
           !absl::SimpleAtod(weight, &value) || value > 0;
  }
  return false;
}

// Whether the value of If-None-Match names the tag, by the weak comparison of RFC 9110, 13.1.2.
bool NamesTag(const std::string* if_none_match, const std::string& etag) {
  if (if_none_match == nullptr) return false;
  for (const absl::string_view part : absl::StrSplit(*if_none_match, ',')) {
    const absl::string_view tag = absl::StripAsciiWhitespace(part);
    if (tag == "*" || tag == etag || absl::StrCat("W/", tag) == etag) return true;
  }
  return false;
}

}  // namespace

WebPages::File WebPages::MakePage(std::string_view html, std::span<const EmbeddedFile> files,
                                  const std::string& assets, const std::string& art_origins) {
  std::string modules;
  for (const EmbeddedFile& other : files) {
    if (!other.name.ends_with(".js")) continue;
    absl::StrAppend(&modules, "<link rel=\"modulepreload\" href=\"", assets, "/",
                    ToAbsl(other.name), "\">\n");
  }
  File file;
  file.identity = absl::StrReplaceAll(
      ToAbsl(html), {{"{assets}", assets}, {"{modules}", modules}, {"{art_origins}", art_origins}});
  // Weak, since one tag stands for the page with and without compression.
  file.etag = absl::StrCat("W/\"", HashOf(file.identity), "\"");
  file.headers = {{"Cache-Control", "no-cache"},
                  {"ETag", file.etag},
                  {"Content-Security-Policy", ContentSecurityPolicy(art_origins)},
                  {"Cross-Origin-Opener-Policy", "same-origin"},
                  {"Permissions-Policy", kNoPermissions}};
  return file;
}

absl::StatusOr<WebPages> WebPages::Create(const std::string& path,
                                          std::span<const EmbeddedFile> files,
                                          const std::vector<std::string>& art_origins) {
  for (const std::string& origin : art_origins) PLAYLOG_RETURN_IF_ERROR(CheckOrigin(origin));
  const std::string assets = absl::StrCat(path, "/assets/", HashOf(Joined(files)));
  WebPages pages;
  for (const EmbeddedFile& embedded : files) {
    const std::string type = ContentTypeOf(embedded.name);
    if (type.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("no page has files like ", ToAbsl(embedded.name)));
    }
    const bool is_page = embedded.name == kPageFile;
    File file;
    if (is_page) {
      file = MakePage(embedded.contents, files, assets, absl::StrJoin(art_origins, " "));
    } else {
      file.headers = {{"Cache-Control", kForAYear}};
      file.identity = std::string(embedded.contents);
    }
    file.headers.emplace_back("Content-Type", type);
    file.headers.emplace_back("Vary", "Accept-Encoding");
    file.gzip = Gzip(file.identity);
    pages.files_.emplace(is_page ? path : absl::StrCat(assets, "/", ToAbsl(embedded.name)),
                         std::move(file));
  }
  if (pages.Has(path)) return pages;
  return absl::InvalidArgumentError(absl::StrCat("there is no index.html for ", path));
}

std::vector<std::string> WebPages::paths() const {
  std::vector<std::string> paths;
  for (const auto& [path, file] : files_) paths.push_back(path);
  return paths;
}

HttpResponse WebPages::Answer(const std::string& path, const HttpRequest& request) const {
  const File& file = files_.at(path);
  if (!file.etag.empty() && !request.path.ends_with('/')) {
    return {
        308,
        {{"Location", absl::StrCat(path, "/", request.query.empty() ? "" : "?", request.query)}},
        ""};
  }
  HttpResponse response{200, file.headers, ""};
  if (!file.etag.empty() && NamesTag(request.Find("if-none-match"), file.etag)) {
    response.status = 304;
    return response;
  }
  if (!file.gzip.empty() && TakesGzip(request.Find("accept-encoding"))) {
    response.headers.emplace_back("Content-Encoding", "gzip");
    response.body = file.gzip;
  } else {
    response.body = file.identity;
  }
  return response;
}

}  // namespace playlog::gateway
