#include "common/rpc/credentials.h"

#include <gtest/gtest.h>
#include <openssl/ssl.h>

#include <cstdlib>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace playlog::rpc {
namespace {

// What a thread of gRPC does when a neighbour begins a handshake, over and over.
[[noreturn]] void UseOpenSslForEver() {
  while (true) {
    SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_default_verify_paths(context);
    SSL_CTX_free(context);
  }
}

[[noreturn]] void ExitWhileOpenSslIsUsed() {
  // Runs after OpenSSL's own handler, which is not there yet, and gives the thread time to fail.
  std::atexit([] { absl::SleepFor(absl::Milliseconds(50)); });
  KeepOpenSslToTheEnd();
  std::thread(UseOpenSslForEver).detach();
  absl::SleepFor(absl::Milliseconds(50));
  std::exit(0);
}

// Nineteen of twenty processes crash here without KeepOpenSslToTheEnd.
TEST(CredentialsDeathTest, AProcessExitsInTheMidstOfHandshakes) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (int run = 0; run < 3; ++run) {
    EXPECT_EXIT(ExitWhileOpenSslIsUsed(), ::testing::ExitedWithCode(0), "");
  }
}

}  // namespace
}  // namespace playlog::rpc
