#include "tests/faults/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/time/clock.h"

namespace playlog::faults {
namespace {

constexpr int kLookMs = 50;
// PostgreSQL's message that ends a request of its extended protocol and commits it.
constexpr std::string_view kSync("S\0\0\0\4", 5);

[[noreturn]] void Fail(const char* what) {
  std::fprintf(stderr, "a proxy of the tests: %s: %s\n", what, std::strerror(errno));
  std::abort();
}

// The socket address of either kind, as the calls of the kernel take it.
struct KernelAddress {
  explicit KernelAddress(const WireAddress& address) {
    if (address.path.empty()) {
      auto* name = reinterpret_cast<sockaddr_in*>(&storage);
      name->sin_family = AF_INET;
      name->sin_port = htons(static_cast<std::uint16_t>(address.port));
      name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      size = sizeof(sockaddr_in);
      return;
    }
    auto* name = reinterpret_cast<sockaddr_un*>(&storage);
    name->sun_family = AF_UNIX;
    if (address.path.size() >= sizeof(name->sun_path)) Fail("the path is too long");
    address.path.copy(name->sun_path, address.path.size());
    size = sizeof(sockaddr_un);
  }

  int family() const { return storage.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }

  sockaddr_storage storage{};
  socklen_t size = 0;
};

int Connect(const WireAddress& address) {
  const KernelAddress name(address);
  const int socket = ::socket(name.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connect(socket, name.get(), name.size) == 0) return socket;
  close(socket);
  return -1;
}

bool SendAll(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace

// The name of the statement stands behind the portal's, which is empty; both end with a zero.
std::string RunOf(std::string_view statement) {
  std::string text(1, '\0');
  text.append(statement);
  return text + '\0';
}

// One client's connection and the one to the server that goes with it, served by a thread.
class Proxy::Link {
 public:
  Link(Proxy& proxy, int client) : proxy_(proxy), client_(client), thread_([this] { Run(); }) {}
  ~Link() { thread_.join(); }

  bool done() const { return done_; }

 private:
  void Run() {
    for (auto server = proxy_.servers_.begin(); server_ < 0 && server != proxy_.servers_.end();
         ++server) {
      server_ = Connect(*server);
    }
    if (server_ >= 0) {
      while (Step()) {
      }
      close(server_);
    }
    close(client_);
    done_ = true;
  }

  // Hands on what has come. False at the end.
  bool Step() {
    std::array<pollfd, 2> entries = {pollfd{client_, POLLIN, 0}, pollfd{server_, POLLIN, 0}};
    // A client that has said that nothing more comes is read no more.
    if (client_ended_) entries[0].fd = -1;
    if (poll(entries.data(), entries.size(), kLookMs) < 0) return errno == EINTR;
    if (proxy_.stopping_) return false;
    if (entries[1].revents != 0 && !TakeReply()) return false;
    return entries[0].revents == 0 || TakeRequest();
  }

  bool TakeRequest() {
    const ssize_t size = read(client_, buffer_.data(), buffer_.size());
    if (size < 0) return false;
    if (size == 0) {
      client_ended_ = true;
      return shutdown(server_, SHUT_WR) == 0;
    }
    const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(size));
    if (replied_) {
      request_.clear();
      rule_.reset();
      replied_ = false;
    }
    request_.append(bytes);
    // A request is judged once, however many pieces it comes in.
    if (!rule_.has_value()) rule_ = proxy_.Judge(request_);
    return HandOn(bytes);
  }

  bool HandOn(std::string_view bytes) {
    switch (fault()) {
      case WireFault::kDelay:
        absl::SleepFor(std::exchange(rule_->delay, absl::ZeroDuration()));
        break;
      case WireFault::kDrop:
        return true;
      case WireFault::kReset:
        Reset();
        return false;
      case WireFault::kHalfClose:
        client_ended_ = true;
        return shutdown(server_, SHUT_WR) == 0;
      case WireFault::kWithholdSync:
        if (bytes.ends_with(kSync)) bytes.remove_suffix(kSync.size());
        break;
      case WireFault::kNone:
      case WireFault::kTruncate:
      case WireFault::kDropReply:
        break;
    }
    // A server that has closed listens no more, but what it said before may be on its way.
    client_ended_ = !SendAll(server_, bytes);
    return true;
  }

  bool TakeReply() {
    const ssize_t size = read(server_, buffer_.data(), buffer_.size());
    if (size <= 0) return false;
    std::string_view bytes(buffer_.data(), static_cast<std::size_t>(size));
    replied_ = true;
    if (fault() == WireFault::kDropReply) return false;
    if (fault() == WireFault::kTruncate) {
      SendAll(client_, bytes.substr(0, rule_->keep_bytes));
      return false;
    }
    return SendAll(client_, bytes);
  }

  WireFault fault() const { return rule_.has_value() ? rule_->fault : WireFault::kNone; }

  void Reset() const {
    const linger now{.l_onoff = 1, .l_linger = 0};
    setsockopt(client_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    setsockopt(server_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  }

  Proxy& proxy_;
  const int client_;
  int server_ = -1;
  std::string request_;  // What the client has said since the last reply.
  bool replied_ = true;
  bool client_ended_ = false;
  std::optional<WireRule> rule_;  // What the request has met, once it is judged.
  std::array<char, 1 << 16> buffer_;
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

Proxy::Proxy(const WireAddress& at, std::vector<WireAddress> servers, std::uint32_t seed)
    : servers_(std::move(servers)), random_(seed) {
  const KernelAddress name(at);
  listener_ = socket(name.family(), SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (bind(listener_, name.get(), name.size) != 0) Fail("bind");
  if (listen(listener_, SOMAXCONN) != 0) Fail("listen");
  sockaddr_in bound{};
  socklen_t size = sizeof(bound);
  if (at.path.empty() && getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size) == 0) {
    port_ = ntohs(bound.sin_port);
  }
  thread_ = std::thread([this] { Accept(); });
}

Proxy::~Proxy() {
  stopping_ = true;
  thread_.join();
  links_.clear();
  close(listener_);
}

void Proxy::Set(const WireRule& rule) {
  const std::lock_guard lock(mutex_);
  rule_ = rule;
  left_ = rule.fault == WireFault::kNone ? 0 : rule.times;
}

std::optional<WireRule> Proxy::Judge(std::string_view request) {
  const std::lock_guard lock(mutex_);
  if (left_ == 0 || request.find(rule_.request) == std::string_view::npos) return std::nullopt;
  if (static_cast<int>(random_() % 1000) >= rule_.permille) return WireRule{};
  --left_;
  ++fired_;
  return rule_;
}

void Proxy::Accept() {
  while (!stopping_) {
    pollfd entry{listener_, POLLIN, 0};
    if (poll(&entry, 1, kLookMs) > 0) {
      const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (client >= 0) links_.push_back(std::make_unique<Link>(*this, client));
    }
    links_.remove_if([](const std::unique_ptr<Link>& link) { return link->done(); });
  }
}

}  // namespace playlog::faults
