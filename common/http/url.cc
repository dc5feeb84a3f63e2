#include "common/http/url.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/strings.h"

namespace playlog::http {
namespace {

struct Network {
  std::uint32_t address;
  int bits;
};

// IANA's special-purpose registry: what is not globally reachable.
constexpr std::array<Network, 14> kSpecialNetworks = {{{0x00000000, 8},
                                                       {0x0A000000, 8},
                                                       {0x64400000, 10},
                                                       {0x7F000000, 8},
                                                       {0xA9FE0000, 16},
                                                       {0xAC100000, 12},
                                                       {0xC0000000, 24},
                                                       {0xC0000200, 24},
                                                       {0xC0A80000, 16},
                                                       {0xC6120000, 15},
                                                       {0xC6336400, 24},
                                                       {0xCB007100, 24},
                                                       {0xE0000000, 4},
                                                       {0xF0000000, 4}}};

bool IsPublicIpv4(std::uint32_t address) {
  for (const Network& network : kSpecialNetworks) {
    const std::uint32_t mask = ~std::uint32_t{0} << (32 - network.bits);
    if ((address & mask) == network.address) return false;
  }
  return true;
}

std::uint32_t ReadBigEndian(const unsigned char* bytes) {
  return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 |
         std::uint32_t{bytes[2]} << 8 | std::uint32_t{bytes[3]};
}

bool IsPublicIpv6(const in6_addr& address) {
  const unsigned char* bytes = address.s6_addr;
  if (IN6_IS_ADDR_V4MAPPED(&address)) return IsPublicIpv4(ReadBigEndian(bytes + 12));
  // Global unicast is 2000::/3; of it, 2001:db8::/32 is documentation, and 2002::/16 and
  // 2001::/32 tunnel to IPv4 addresses that cannot be judged here.
  if ((bytes[0] & 0xE0) != 0x20) return false;
  const std::uint32_t prefix = ReadBigEndian(bytes);
  return prefix != 0x20010DB8 && prefix != 0x20010000 && (prefix >> 16) != 0x2002;
}

absl::Status Refuse(std::string_view url, std::string_view why) {
  return absl::FailedPreconditionError(
      absl::StrCat("the address \"", ToAbsl(url), "\" ", ToAbsl(why)));
}

// The part between `//` and the path, or nothing without a scheme.
std::optional<std::string_view> AuthorityOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::nullopt;
  url.remove_prefix(scheme + 3);
  return url.substr(0, url.find_first_of("/?#"));
}

bool IsPort(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  int port = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return false;
    port = port * 10 + (digit - '0');
  }
  return port > 0 && port <= 65535;
}

bool IsHostAndPort(std::string_view authority) {
  std::string_view rest;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return false;
    rest = authority.substr(end + 1);
  } else {
    const std::size_t end = authority.find(':');
    if (end == 0 || authority.empty()) return false;
    if (end != std::string_view::npos) rest = authority.substr(end);
  }
  return rest.empty() || (rest.front() == ':' && IsPort(rest.substr(1)));
}

}  // namespace

absl::Status CheckUpstreamUrl(std::string_view url) {
  if (!IsPrintableAscii(url) || url.find_first_of(" \"\\?#") != std::string_view::npos) {
    return Refuse(url, "has a query, a fragment or a character that is not allowed");
  }
  const std::optional<std::string_view> authority = AuthorityOf(url);
  if (!authority || authority->find('@') != std::string_view::npos || !IsHostAndPort(*authority)) {
    return Refuse(url, "must be https://host[:port][/path]");
  }
  if (url.back() == '/') return Refuse(url, "must not end in a slash");
  if (url.starts_with("https://")) return absl::OkStatus();
  if (url.starts_with("http://") && IsLoopbackLiteral(HostOf(url))) return absl::OkStatus();
  return Refuse(url, "must begin with https:// (http:// is for 127.0.0.1 and [::1] alone)");
}

std::string HostOf(std::string_view url) {
  const std::optional<std::string_view> authority = AuthorityOf(url);
  if (!authority || authority->find('@') != std::string_view::npos) return "";
  if (authority->starts_with('[')) {
    const std::size_t end = authority->find(']');
    return end == std::string_view::npos ? "" : std::string(authority->substr(1, end - 1));
  }
  return std::string(authority->substr(0, authority->find(':')));
}

bool IsLoopbackLiteral(std::string_view host) {
  const std::string text(host);
  in_addr ipv4{};
  // inet_pton takes the dotted form with four decimal numbers alone, so 0x7f.1 and 127.1 are out.
  if (inet_pton(AF_INET, text.c_str(), &ipv4) == 1) return (ntohl(ipv4.s_addr) >> 24) == 127;
  in6_addr ipv6{};
  return inet_pton(AF_INET6, text.c_str(), &ipv6) == 1 && IN6_IS_ADDR_LOOPBACK(&ipv6);
}

bool IsPublicAddress(const void* socket_address) {
  sockaddr_storage storage{};
  std::memcpy(&storage, socket_address, sizeof(sockaddr));
  if (storage.ss_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, socket_address, sizeof(address));
    return IsPublicIpv4(ntohl(address.sin_addr.s_addr));
  }
  if (storage.ss_family == AF_INET6) {
    sockaddr_in6 address{};
    std::memcpy(&address, socket_address, sizeof(address));
    return IsPublicIpv6(address.sin6_addr);
  }
  return false;
}

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    const bool unreserved = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                            (byte >= '0' && byte <= '9') || byte == '-' || byte == '.' ||
                            byte == '_' || byte == '~';
    if (unreserved) {
      encoded.push_back(character);
    } else {
      encoded.push_back('%');
      encoded.push_back(kDigits[byte >> 4]);
      encoded.push_back(kDigits[byte & 15]);
    }
  }
  return encoded;
}

std::string MakeQuery(const std::vector<std::pair<std::string, std::string>>& parameters) {
  std::string query;
  for (const auto& [name, value] : parameters) {
    if (!query.empty()) query.push_back('&');
    query += PercentEncode(name);
    query.push_back('=');
    query += PercentEncode(value);
  }
  return query;
}

}  // namespace playlog::http
