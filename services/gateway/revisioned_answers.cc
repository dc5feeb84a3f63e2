#include "services/gateway/revisioned_answers.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/gateway/entity_tag.h"
#include "services/gateway/rpc_answer.h"

namespace playlog::gateway {
namespace {

// The user comes first and ends where the method begins, so no two users share a key.
std::string KeyOf(const RevisionedRequest& request) {
  return absl::StrCat(request.user_id, request.call.route.grpc_method, "\n",
                      request.message->SerializeAsString());
}

// `no-cache` lets the user's own browser keep the answer but ask each time whether it still holds,
// which is what the tag is for: `no-store`, which all other answers have, would forbid that. A kept
// answer is shown to nobody whose token is not accepted at that moment. Caches that serve several
// users may keep nothing (`private`), and a browser tells its users apart by Vary.
HttpHeaders TagHeaders(const std::string& tag) {
  return {{"ETag", tag}, {"Cache-Control", "private, no-cache"}, {"Vary", "Authorization"}};
}

HttpResponse NotModified(const std::string& tag) { return {304, TagHeaders(tag), ""}; }

// Tags the successful answer that passes through, and keeps it if it comes whole.
class TaggedExchange final : public HttpExchange {
 public:
  struct Options {
    std::string key;
    std::int64_t revision = 0;
    std::string tag;
    int status = 200;         // Of success.
    bool wants_none = false;  // The client has an answer and wants no other (`If-None-Match: *`).
  };
  TaggedExchange(AnswerCache& cache, Options options, std::shared_ptr<HttpExchange> exchange)
      : cache_(cache), options_(std::move(options)), exchange_(std::move(exchange)) {}

  void Send(HttpResponse response) override {
    if (response.status == options_.status) {
      cache_.Keep(options_.key, options_.revision, response.body);
      if (options_.wants_none) return exchange_->Send(NotModified(options_.tag));
      Tag(response.headers);
    }
    exchange_->Send(std::move(response));
  }
  void Begin(int status, HttpHeaders headers) override {
    is_over_ = options_.wants_none;
    if (is_over_) return exchange_->Send(NotModified(options_.tag));
    Tag(headers);
    exchange_->Begin(status, std::move(headers));
  }
  // After a 304 there is nobody to write for, which ends the call.
  void Write(std::string part, std::function<void(bool)> done) override {
    if (is_over_) return done(false);
    exchange_->Write(std::move(part), std::move(done));
  }
  void End() override {
    if (!is_over_) exchange_->End();
  }
  void Abort() override {
    if (!is_over_) exchange_->Abort();
  }
  void OnCancelled(std::function<void()> cancelled) override {
    exchange_->OnCancelled(std::move(cancelled));
  }

 private:
  void Tag(HttpHeaders& headers) const {
    for (auto& field : TagHeaders(options_.tag)) headers.push_back(std::move(field));
  }

  AnswerCache& cache_;
  const Options options_;
  const std::shared_ptr<HttpExchange> exchange_;
  bool is_over_ = false;
};

}  // namespace

void RevisionedAnswers::Answer(grpc::GenericStub& stub,
                               std::shared_ptr<const RevisionedRequest> request,
                               std::shared_ptr<HttpExchange> exchange) {
  const std::string& token = request->call.token;
  revisions_.Ask(stub, token,
                 [this, &stub, request = std::move(request),
                  exchange = std::move(exchange)](std::optional<std::int64_t> revision) {
                   if (revision.has_value()) return AnswerAt(*revision, stub, *request, exchange);
                   AnswerByRpc({&stub}, request->call, exchange);
                 });
}

void RevisionedAnswers::AnswerAt(std::int64_t revision, grpc::GenericStub& stub,
                                 const RevisionedRequest& request,
                                 std::shared_ptr<HttpExchange> exchange) {
  TaggedExchange::Options options;
  options.key = KeyOf(request);
  options.revision = revision;
  options.tag = MakeEntityTag(options.key, revision);
  options.status = request.call.route.status;
  const NoneMatch none_match = CompareEntityTag(request.headers, options.tag);
  if (none_match == NoneMatch::kSame) return exchange->Send(NotModified(options.tag));
  if (const AnswerCache::Body body = cache_.Find(options.key, revision)) {
    if (none_match == NoneMatch::kAny) return exchange->Send(NotModified(options.tag));
    HttpResponse response{options.status, HeadersOf(request.call.route), *body};
    for (auto& field : TagHeaders(options.tag)) response.headers.push_back(std::move(field));
    return exchange->Send(std::move(response));
  }
  options.wants_none = none_match == NoneMatch::kAny;
  AnswerByRpc({&stub}, request.call,
              std::make_shared<TaggedExchange>(cache_, std::move(options), std::move(exchange)));
}

}  // namespace playlog::gateway
