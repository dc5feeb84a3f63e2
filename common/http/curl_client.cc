#include "common/http/curl_client.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status_macros.h"
#include "common/base/strings.h"
#include "common/http/url.h"

namespace playlog::http {
namespace {

// How long a transfer waits for bytes before it asks whether it is still wanted.
constexpr int kLookMs = 50;

void InitializeCurlOnce() {
  static const bool initialized = [] {
    // With NOSIGNAL libcurl leaves SIGPIPE to us, and OpenSSL writes to sockets without
    // MSG_NOSIGNAL.
    std::signal(SIGPIPE, SIG_IGN);
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  }();
  if (!initialized) std::abort();
}

bool IsAddressLiteral(const std::string& host) {
  return host.find(':') != std::string::npos ||
         host.find_first_not_of("0123456789.") == std::string::npos;
}

// What one transfer has received so far. The callbacks return less than they were given to abort.
struct Transfer {
  const CurlOptions& options;
  const Request& request;
  const bool names_a_host;  // Not an address written as a number.
  Response response;
  absl::Status refusal;  // Why a callback aborted.
  std::size_t header_bytes = 0;
  int header_count = 0;
  bool in_head = false;
  absl::Time first_body_byte = absl::InfinitePast();

  std::size_t Abort(Failure failure, std::string_view what) {
    refusal = FailureStatus(failure, what);
    return 0;
  }
};

std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  transfer->header_bytes += bytes;
  if (transfer->header_bytes > transfer->options.max_header_bytes ||
      ++transfer->header_count > transfer->options.max_headers) {
    return transfer->Abort(Failure::kTooLarge, "the header section is too large");
  }
  const std::string_view line =
      FromAbsl(absl::StripAsciiWhitespace(absl::string_view(data, bytes)));
  if (line.starts_with("HTTP/") && !transfer->in_head) {
    // The head of an answer: of an interim one first, perhaps.
    transfer->response.headers.clear();
    transfer->in_head = true;
    return bytes;
  }
  if (line.empty()) {
    transfer->in_head = false;
    return bytes;
  }
  const std::size_t colon = line.find(':');
  // Trailers, which come after the head, mean nothing to us.
  if (!transfer->in_head || colon == std::string_view::npos) return bytes;
  transfer->response.headers.push_back(
      {absl::AsciiStrToLower(ToAbsl(line.substr(0, colon))),
       std::string(absl::StripAsciiWhitespace(ToAbsl(line.substr(colon + 1))))});
  return bytes;
}

std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* user) {
  auto* transfer = static_cast<Transfer*>(user);
  const std::size_t bytes = size * count;
  std::string& body = transfer->response.body;
  if (body.size() + bytes > transfer->request.max_body_bytes) {
    return transfer->Abort(Failure::kTooLarge, "the body is over its limit");
  }
  body.append(data, bytes);
  const absl::Time now = absl::Now();
  if (transfer->first_body_byte == absl::InfinitePast()) transfer->first_body_byte = now;
  const absl::Duration elapsed = now - transfer->first_body_byte;
  const double demanded = absl::ToDoubleSeconds(elapsed) *
                          static_cast<double>(transfer->options.slow_body_bytes_per_second);
  if (elapsed > transfer->options.slow_body_grace && static_cast<double>(body.size()) < demanded) {
    return transfer->Abort(Failure::kTimeout, "the body comes too slowly");
  }
  return bytes;
}

int OnProgress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const Request& request = static_cast<const Transfer*>(user)->request;
  return request.cancelled && request.cancelled() ? 1 : 0;
}

curl_socket_t OnOpenSocket(void* user, curlsocktype, curl_sockaddr* address) {
  const auto* transfer = static_cast<const Transfer*>(user);
  // A name that leads into a private network is a mistake or an attack on what listens there.
  if (transfer->names_a_host && !IsPublicAddress(&address->addr)) return CURL_SOCKET_BAD;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

Failure FailureFor(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      return Failure::kUnreachable;
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_ABORTED_BY_CALLBACK:
      return Failure::kTimeout;
    case CURLE_FILESIZE_EXCEEDED:
      return Failure::kTooLarge;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_SHUTDOWN_FAILED:
      return Failure::kTls;
    case CURLE_URL_MALFORMAT:
      return Failure::kRefused;
    default:
      // Among them a first line that is no HTTP, which libcurl calls an unsupported protocol.
      return Failure::kGarbled;
  }
}

class HeaderList {
 public:
  ~HeaderList() { curl_slist_free_all(list_); }
  void Append(const std::string& line) {
    curl_slist* longer = curl_slist_append(list_, line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    list_ = longer;
  }
  curl_slist* get() const { return list_; }

 private:
  curl_slist* list_ = nullptr;
};

long ToMilliseconds(absl::Duration duration) {
  return std::max<long>(1, absl::ToInt64Milliseconds(duration));
}

}  // namespace

// One easy handle, and the multi handle in which it runs and which keeps its one connection.
class CurlClient::Handle {
 public:
  Handle() : curl_(curl_easy_init()), multi_(curl_multi_init()) {
    if (curl_ == nullptr || multi_ == nullptr) throw std::bad_alloc();
    curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, 1L);
  }
  ~Handle() {
    curl_easy_cleanup(curl_);
    curl_multi_cleanup(multi_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  absl::StatusOr<Response> Perform(const CurlOptions& options, const Request& request, bool post);

  // Whether the kept connection, if there is one, is quiet. Bytes on it that nobody asked for would
  // be taken for the answer to the next request, which may be another user's.
  bool IsQuiet() const {
    pollfd entry{descriptor_, POLLIN, 0};
    return descriptor_ == CURL_SOCKET_BAD || ::poll(&entry, 1, 0) == 0;
  }

 private:
  void SetSafety(const CurlOptions& options, bool tls);
  void SetTransfer(Transfer* transfer, bool tls);
  CURLcode Run();

  CURL* curl_;
  CURLM* multi_;
  curl_socket_t descriptor_ = CURL_SOCKET_BAD;  // Of the kept connection.
};

void CurlClient::Handle::SetSafety(const CurlOptions& options, bool tls) {
  curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, tls ? "https" : "http");
  curl_easy_setopt(curl_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl_, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  curl_easy_setopt(curl_, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl_, CURLOPT_PROXY, "");
  curl_easy_setopt(curl_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(curl_, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl_, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.ca_file.empty()) curl_easy_setopt(curl_, CURLOPT_CAINFO, options.ca_file.c_str());
  if (!options.crl_file.empty()) curl_easy_setopt(curl_, CURLOPT_CRLFILE, options.crl_file.c_str());
  // A resolver that hangs must not hold the caller beyond its deadline.
  curl_easy_setopt(curl_, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(curl_, CURLOPT_USERAGENT, options.user_agent.c_str());
}

void CurlClient::Handle::SetTransfer(Transfer* transfer, bool tls) {
  const CurlOptions& options = transfer->options;
  const Request& request = transfer->request;
  curl_easy_setopt(curl_, CURLOPT_URL, request.url.c_str());
  const absl::Duration connect =
      options.connect_timeout + (tls ? options.tls_timeout : absl::ZeroDuration());
  curl_easy_setopt(curl_, CURLOPT_CONNECTTIMEOUT_MS, ToMilliseconds(connect));
  const absl::Duration total = std::min(options.try_timeout, request.deadline - absl::Now());
  curl_easy_setopt(curl_, CURLOPT_TIMEOUT_MS, ToMilliseconds(total));
  curl_easy_setopt(curl_, CURLOPT_MAXFILESIZE_LARGE,
                   static_cast<curl_off_t>(request.max_body_bytes));
  curl_easy_setopt(curl_, CURLOPT_HEADERFUNCTION, OnHeader);
  curl_easy_setopt(curl_, CURLOPT_HEADERDATA, transfer);
  curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, OnBody);
  curl_easy_setopt(curl_, CURLOPT_WRITEDATA, transfer);
  curl_easy_setopt(curl_, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl_, CURLOPT_XFERINFOFUNCTION, OnProgress);
  curl_easy_setopt(curl_, CURLOPT_XFERINFODATA, transfer);
  curl_easy_setopt(curl_, CURLOPT_OPENSOCKETFUNCTION, OnOpenSocket);
  curl_easy_setopt(curl_, CURLOPT_OPENSOCKETDATA, transfer);
}

// Does what curl_easy_perform does; but while nothing comes, that would ask only once a second
// whether the request is still wanted.
CURLcode CurlClient::Handle::Run() {
  if (curl_multi_add_handle(multi_, curl_) != CURLM_OK) return CURLE_FAILED_INIT;
  for (int running = 1; running > 0;) {
    if (curl_multi_perform(multi_, &running) != CURLM_OK) return CURLE_FAILED_INIT;
    if (running > 0) curl_multi_poll(multi_, nullptr, 0, kLookMs, nullptr);
  }
  int left = 0;
  const CURLMsg* const message = curl_multi_info_read(multi_, &left);
  return message == nullptr ? CURLE_FAILED_INIT : message->data.result;
}

absl::StatusOr<Response> CurlClient::Handle::Perform(const CurlOptions& options,
                                                     const Request& request, bool post) {
  PLAYLOG_RETURN_IF_ERROR(CheckRequest(request, absl::Now()));
  const bool tls = request.url.starts_with("https://");
  Transfer transfer{.options = options,
                    .request = request,
                    .names_a_host = !IsAddressLiteral(HostOf(request.url)),
                    .response = {},
                    .refusal = absl::OkStatus()};
  curl_easy_reset(curl_);  // Keeps the connections.
  SetSafety(options, tls);
  SetTransfer(&transfer, tls);
  HeaderList headers;
  headers.Append("Accept-Encoding: identity");
  headers.Append("Accept: application/json");
  for (const Header& header : request.headers) {
    headers.Append(header.name + ": " + header.value);
  }
  if (post) {
    headers.Append("Expect:");  // No 100-continue: it would cost a round trip.
    curl_easy_setopt(curl_, CURLOPT_POST, 1L);
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDS, request.body.data());
    curl_easy_setopt(curl_, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body.size()));
  }
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, headers.get());
  const CURLcode code = Run();
  long status = 0;
  curl_easy_getinfo(curl_, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo(curl_, CURLINFO_ACTIVESOCKET, &descriptor_);
  curl_multi_remove_handle(multi_, curl_);
  // The handle outlives what these pointers point at.
  curl_easy_reset(curl_);
  if (!transfer.refusal.ok()) return transfer.refusal;
  if (code != CURLE_OK) return FailureStatus(FailureFor(code), curl_easy_strerror(code));
  transfer.response.status = static_cast<int>(status);
  PLAYLOG_RETURN_IF_ERROR(CheckResponse(request, transfer.response));
  return std::move(transfer.response);
}

CurlClient::CurlClient(CurlOptions options) : options_(std::move(options)) { InitializeCurlOnce(); }

CurlClient::~CurlClient() = default;

absl::StatusOr<Response> CurlClient::Get(const Request& request) { return Send(request, false); }

absl::StatusOr<Response> CurlClient::Post(const Request& request) { return Send(request, true); }

absl::StatusOr<Response> CurlClient::Send(const Request& request, bool post) {
  std::unique_ptr<Handle> handle = Take();
  absl::StatusOr<Response> response = handle->Perform(options_, request, post);
  GiveBack(std::move(handle));
  return response;
}

std::unique_ptr<CurlClient::Handle> CurlClient::Take() {
  std::vector<std::unique_ptr<Handle>> spoilt;  // Closed after the lock is released.
  const absl::MutexLock lock(&mutex_);
  while (!idle_.empty()) {
    std::unique_ptr<Handle> handle = std::move(idle_.back());
    idle_.pop_back();
    if (handle->IsQuiet()) return handle;
    spoilt.push_back(std::move(handle));
  }
  return std::make_unique<Handle>();
}

void CurlClient::GiveBack(std::unique_ptr<Handle> handle) {
  const absl::MutexLock lock(&mutex_);
  if (static_cast<int>(idle_.size()) < options_.max_idle_handles) {
    idle_.push_back(std::move(handle));
  }
}

absl::Status CheckCrlFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"),
                                                             std::fclose);
  if (file == nullptr) return absl::FailedPreconditionError("cannot be read");
  const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> first(
      PEM_read_X509_CRL(file.get(), nullptr, nullptr, nullptr), X509_CRL_free);
  ERR_clear_error();
  if (first != nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError("has no list of revoked certificates in PEM");
}

}  // namespace playlog::http
