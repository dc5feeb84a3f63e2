#include "tests/faults/checker.h"

#include <set>

#include "absl/strings/str_cat.h"

namespace playlog::faults {
namespace {

constexpr std::size_t kTold = 5;

std::string Told(const char* what, const std::vector<std::string>& titles) {
  if (titles.empty()) return "";
  std::string text = absl::StrCat(titles.size(), " ", what, ":");
  for (std::size_t i = 0; i < titles.size() && i < kTold; ++i) {
    absl::StrAppend(&text, " ", titles[i]);
  }
  return text + "\n";
}

}  // namespace

std::string Findings::Text() const {
  return absl::StrCat(Told("lost", lost), Told("invented", invented), Told("doubled", doubled),
                      Told("altered", altered), "operations: ", ok, " ok, ", failed, " failed, ",
                      unknown, " unknown");
}

Findings Check(const std::vector<Operation>& operations, const std::map<std::string, Play>& truth,
               const std::vector<Play>& stored) {
  Findings findings;
  std::set<std::string> possible, confirmed, present;
  for (const Operation& operation : operations) {
    ++(operation.outcome == Outcome::kOk       ? findings.ok
       : operation.outcome == Outcome::kFailed ? findings.failed
                                               : findings.unknown);
    confirmed.insert(operation.confirmed.begin(), operation.confirmed.end());
    if (operation.outcome == Outcome::kFailed) continue;
    possible.insert(operation.asked.begin(), operation.asked.end());
  }
  for (const Play& play : stored) {
    if (!present.insert(play.title).second) findings.doubled.push_back(play.title);
    const auto known = truth.find(play.title);
    if (known == truth.end() || !possible.contains(play.title)) {
      findings.invented.push_back(play.title);
    } else if (known->second != play) {
      findings.altered.push_back(play.title);
    }
  }
  for (const std::string& title : confirmed) {
    if (!present.contains(title)) findings.lost.push_back(title);
  }
  return findings;
}

}  // namespace playlog::faults
