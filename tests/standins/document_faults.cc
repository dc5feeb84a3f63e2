#include <algorithm>
#include <string>
#include <utility>

#include "tests/standins/faults.h"
#include "tests/standins/random.h"

namespace playlog::standins {
namespace {

Answer WithBody(const FaultContext& context, std::string body) {
  Content content = context.good();
  content.body = std::move(body);
  return Render(content);
}

Answer Cut(const FaultContext& context) {
  std::string body = context.good().body;
  const std::int64_t half = static_cast<std::int64_t>(body.size() / 2);
  const std::int64_t length = std::max<std::int64_t>(0, context.scenario.Number(0, half));
  body.resize(std::min(body.size(), static_cast<std::size_t>(length)));
  return WithBody(context, std::move(body));
}

Answer JsonNull(const FaultContext& context) { return WithBody(context, "null"); }
Answer JsonArray(const FaultContext& context) { return WithBody(context, "[]"); }
Answer JsonString(const FaultContext& context) { return WithBody(context, "\"x\""); }
Answer JsonNumber(const FaultContext& context) { return WithBody(context, "7"); }
Answer JsonObject(const FaultContext& context) { return WithBody(context, "{}"); }

Answer JsonTrailing(const FaultContext& context) {
  return WithBody(context, context.good().body + "{}");
}

// Puts a member in front of the document's own members.
Answer WithMember(const FaultContext& context, const std::string& member) {
  const std::string body = context.good().body;
  return WithBody(context, "{" + member + "," + body.substr(std::min<std::size_t>(1, body.size())));
}

Answer JsonDuplicateKeys(const FaultContext& context) {
  const std::string body = context.good().body;
  const std::string key = body.substr(1, body.find(':') - 1);
  return WithMember(context, key + ":null");
}

Answer JsonNan(const FaultContext& context) { return WithMember(context, "\"extra\":NaN"); }

Answer JsonDeep(const FaultContext& context) {
  const auto depth = static_cast<std::size_t>(
      std::clamp<std::int64_t>(context.scenario.Number(0, 10'000), 0, 1'000'000));
  return WithMember(context,
                    "\"extra\":" + std::string(depth, '[') + "0" + std::string(depth, ']'));
}

Answer JsonBom(const FaultContext& context) {
  return WithBody(context, "\xEF\xBB\xBF" + context.good().body);
}

// The last name of a document is the title of its last item, at each of the services.
Answer InTitle(const FaultContext& context, const std::string& bytes) {
  std::string body = context.good().body;
  constexpr std::string_view kName = "\"name\":\"";
  const std::size_t place = body.rfind(kName);
  if (place != std::string::npos) body.insert(place + kName.size(), bytes);
  return WithBody(context, std::move(body));
}

Answer JsonBadUtf8(const FaultContext& context) { return InTitle(context, "\xFF"); }
Answer JsonLoneSurrogate(const FaultContext& context) { return InTitle(context, "\\ud800"); }

Answer Fuzz(const FaultContext& context) {
  std::string body = context.good().body;
  Random random(HashOf("fuzz", static_cast<std::uint64_t>(context.scenario.Number(0, 1))));
  const std::int64_t per_mille = std::clamp<std::int64_t>(context.scenario.Number(1, 5), 0, 1000);
  const std::size_t flips = body.size() * 8 * static_cast<std::size_t>(per_mille) / 1000;
  for (std::size_t i = 0; i < flips && !body.empty(); ++i) {
    const std::size_t bit = random.Below(body.size() * 8);
    body[bit / 8] = static_cast<char>(body[bit / 8] ^ (1 << (bit % 8)));
  }
  return WithBody(context, std::move(body));
}

constexpr Fault kFaults[] = {
    {"cut", Cut},
    {"json_null", JsonNull},
    {"json_array", JsonArray},
    {"json_string", JsonString},
    {"json_number", JsonNumber},
    {"json_object", JsonObject},
    {"json_trailing", JsonTrailing},
    {"json_duplicate_keys", JsonDuplicateKeys},
    {"json_nan", JsonNan},
    {"json_deep", JsonDeep},
    {"json_bom", JsonBom},
    {"json_bad_utf8", JsonBadUtf8},
    {"json_lone_surrogate", JsonLoneSurrogate},
    {"fuzz", Fuzz},
};

}  // namespace

std::span<const Fault> DocumentFaults() { return kFaults; }

}  // namespace playlog::standins
