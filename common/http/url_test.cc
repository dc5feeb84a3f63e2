#include "common/http/url.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include "common/testing/matchers.h"

namespace playlog::http {
namespace {

using ::playlog::testing::IsOk;
using ::testing::Not;

TEST(UpstreamUrl, AcceptsHttpsAndLoopbackLiterals) {
  for (const char* url :
       {"https://api.spotify.com", "https://ws.audioscrobbler.com/base", "https://example.org:8443",
        "http://127.0.0.1:8080", "http://127.1.2.3:1/spotify", "http://[::1]:9000/lastfm"}) {
    EXPECT_THAT(CheckUpstreamUrl(url), IsOk()) << url;
  }
}

TEST(UpstreamUrl, RefusesEverythingElse) {
  for (const char* url : {"",
                          "api.spotify.com",
                          "http://api.spotify.com",
                          "http://localhost:8080",
                          "ftp://127.0.0.1",
                          "file:///etc/passwd",
                          "https://user@host",
                          "http://user@127.0.0.1",
                          "https://host/?a=b",
                          "https://host/#x",
                          "https://host/",
                          "https://",
                          "https://:80",
                          "https://host:0",
                          "https://host:70000",
                          "https://host:a",
                          "http://127.1:80",
                          "http://0x7f.0.0.1",
                          "http://127.0.0.1.example.org",
                          "http://[::ffff:127.0.0.1]",
                          "http://[::1",
                          "HTTPS://host",
                          "https://ho st",
                          "https://h\x01st",
                          "http://169.254.169.254",
                          "https://host\\@127.0.0.1"}) {
    EXPECT_THAT(CheckUpstreamUrl(url), Not(IsOk())) << url;
  }
}

bool IsPublic(const char* text) {
  sockaddr_in ipv4{};
  ipv4.sin_family = AF_INET;
  if (inet_pton(AF_INET, text, &ipv4.sin_addr) == 1) return IsPublicAddress(&ipv4);
  sockaddr_in6 ipv6{};
  ipv6.sin6_family = AF_INET6;
  EXPECT_EQ(inet_pton(AF_INET6, text, &ipv6.sin6_addr), 1) << text;
  return IsPublicAddress(&ipv6);
}

TEST(PublicAddress, IsToldFromPrivateOnes) {
  for (const char* text : {"35.186.224.25", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2600:1901::1",
                           "::ffff:8.8.8.8"}) {
    EXPECT_TRUE(IsPublic(text)) << text;
  }
  for (const char* text :
       {"0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1",
        "172.31.255.255", "192.168.1.1", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1",
        "fd00::1", "ff02::1", "::ffff:127.0.0.1", "2001:db8::1", "2002:7f00:1::", "64:ff9b::1"}) {
    EXPECT_FALSE(IsPublic(text)) << text;
  }
}

TEST(PercentEncode, KeepsUnreservedCharactersAlone) {
  EXPECT_EQ(PercentEncode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(PercentEncode("a b&c=d+e/%?#\n"), "a%20b%26c%3Dd%2Be%2F%25%3F%23%0A");
  EXPECT_EQ(PercentEncode("\xC3\xA9"), "%C3%A9");
}

TEST(MakeQuery, EncodesNamesAndValues) {
  EXPECT_EQ(MakeQuery({{"user", "x&api_key=y"}, {"limit", "50"}}), "user=x%26api_key%3Dy&limit=50");
  EXPECT_EQ(MakeQuery({}), "");
}

}  // namespace
}  // namespace playlog::http
