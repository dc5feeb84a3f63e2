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

// Tags the successful answer that passes through, and keeps it if it comes whole; once it has
// learned of the answer's revision.
class TaggedExchange final : public HttpExchange {
 public:
  struct Options {
    std::string key;
    int status = 200;         // Of success.
    bool wants_none = false;  // The client has an answer and wants no other (`If-None-Match: *`).
  };
  TaggedExchange(AnswerCache& cache, Options options, std::shared_ptr<HttpExchange> exchange)
      : cache_(cache), options_(std::move(options)), exchange_(std::move(exchange)) {}

  // `tag` is that of the options' key at this revision. Called before the answer comes, if at all.
  void Learn(std::int64_t revision, std::string tag) {
    revision_ = revision;
    tag_ = std::move(tag);
  }

  void Send(HttpResponse response) override {
    if (response.status == options_.status && revision_.has_value()) {
      cache_.Keep(options_.key, *revision_, response.body);
      if (options_.wants_none) return exchange_->Send(NotModified(tag_));
      Tag(response.headers);
    }
    exchange_->Send(std::move(response));
  }
  void Begin(int status, HttpHeaders headers) override {
    is_over_ = options_.wants_none;
    if (is_over_) return exchange_->Send(NotModified(tag_));
    if (revision_.has_value()) Tag(headers);
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
    for (auto& field : TagHeaders(tag_)) headers.push_back(std::move(field));
  }

  AnswerCache& cache_;
  const Options options_;
  const std::shared_ptr<HttpExchange> exchange_;
  std::optional<std::int64_t> revision_;
  std::string tag_;
  bool is_over_ = false;
};

}  // namespace

void RevisionedAnswers::Answer(NeighbourStub& stub,
                               std::shared_ptr<const RevisionedRequest> request,
                               std::shared_ptr<HttpExchange> exchange) {
  const std::string key = KeyOf(*request);
  const bool is_first = CompareEntityTag(request->headers, "") == NoneMatch::kAbsent;
  if (is_first && !cache_.Has(key)) return AnswerAnew(key, stub, *request, std::move(exchange));
  const std::string& token = request->call.token;
  revisions_.Ask(stub, token,
                 [this, &stub, key, request = std::move(request),
                  exchange = std::move(exchange)](std::optional<std::int64_t> revision) {
                   if (revision.has_value())
                     return AnswerAt(*revision, key, stub, *request, exchange);
                   AnswerByRpc({&stub}, request->call, exchange);
                 });
}

void RevisionedAnswers::AnswerAnew(const std::string& key, NeighbourStub& stub,
                                   const RevisionedRequest& request,
                                   std::shared_ptr<HttpExchange> exchange) {
  auto tagged = std::make_shared<TaggedExchange>(
      cache_, TaggedExchange::Options{.key = key, .status = request.call.route.status},
      std::move(exchange));
  RpcRequest call = request.call;
  call.on_revision = [key, &tagged = *tagged](std::int64_t revision) {
    tagged.Learn(revision, MakeEntityTag(key, revision));
  };
  AnswerByRpc({&stub}, call, std::move(tagged));
}

void RevisionedAnswers::AnswerAt(std::int64_t revision, const std::string& key, NeighbourStub& stub,
                                 const RevisionedRequest& request,
                                 std::shared_ptr<HttpExchange> exchange) {
  const std::string tag = MakeEntityTag(key, revision);
  const int status = request.call.route.status;
  const NoneMatch none_match = CompareEntityTag(request.headers, tag);
  if (none_match == NoneMatch::kSame) return exchange->Send(NotModified(tag));
  const bool wants_none = none_match == NoneMatch::kAny;
  if (const AnswerCache::Body body = cache_.Find(key, revision)) {
    if (wants_none) return exchange->Send(NotModified(tag));
    HttpResponse response{status, HeadersOf(request.call.route), *body};
    for (auto& field : TagHeaders(tag)) response.headers.push_back(std::move(field));
    return exchange->Send(std::move(response));
  }
  auto tagged = std::make_shared<TaggedExchange>(
      cache_, TaggedExchange::Options{.key = key, .status = status, .wants_none = wants_none},
      std::move(exchange));
  tagged->Learn(revision, tag);
  AnswerByRpc({&stub}, request.call, std::move(tagged));
}

}  // namespace playlog::gateway
