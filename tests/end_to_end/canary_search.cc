#include "tests/end_to_end/canary_search.h"

#include <gtest/gtest.h>
#include <string.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/strings.h"

namespace playlog::harness {
namespace {

namespace fs = std::filesystem;

constexpr char kDumpProgram[] = "/usr/lib/postgresql/15/bin/pg_dump";
constexpr absl::Duration kDumpTime = absl::Seconds(60);

// The characters of base64 that depend on the secret alone when `before` bytes stand before it.
std::string Base64Core(const std::string& secret, std::size_t before) {
  const std::string encoded = absl::Base64Escape(std::string(before, '\0') + secret);
  const std::size_t begin = (before * 8 + 5) / 6;
  const std::size_t end = (before + secret.size()) * 8 / 6;
  return encoded.substr(begin, end - begin);
}

bool IsNumber(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char digit) { return digit >= '0' && digit <= '9'; });
}

}  // namespace

Needle::Needle(std::string name, const std::string& secret) : name_(std::move(name)) {
  forms_ = {secret, absl::BytesToHexString(secret)};
  for (const std::size_t before : {0, 1, 2}) forms_.push_back(Base64Core(secret, before));
}

std::size_t Needle::FindIn(std::string_view text) const {
  for (const std::string& form : forms_) {
    // Several times as fast as find(), and there are a hundred megabytes to search.
    const void* place = memmem(text.data(), text.size(), form.data(), form.size());
    if (place != nullptr) {
      return static_cast<std::size_t>(static_cast<const char*>(place) - text.data());
    }
  }
  return std::string_view::npos;
}

void CanarySearch::KeepResponse(const HttpAnswer& answer) {
  absl::StrAppend(&responses_, answer.status_line, "\n");
  for (const auto& [name, value] : answer.headers) {
    absl::StrAppend(&responses_, name, ": ", value, "\n");
  }
  absl::StrAppend(&responses_, answer.body, "\n");
}

std::map<Place, std::vector<std::string>> CanarySearch::Find(const std::vector<Needle>& needles) {
  Found found;
  bytes_seen_.clear();
  Look(Place::kResponses, "a response", responses_, needles, found);
  LookAtLogs(needles, found);
  LookAtMetrics(needles, found);
  LookAtDump(needles, found);
  LookAtCluster(needles, found);
  LookAtProcesses(needles, found);
  for (const auto& [place, bytes] : bytes_seen_) {
    EXPECT_GT(bytes, 0u) << "nothing to search at place " << static_cast<int>(place);
  }
  return found;
}

void CanarySearch::Look(Place place, const std::string& what, std::string_view text,
                        const std::vector<Needle>& needles, Found& found) {
  bytes_seen_[place] += text.size();
  for (const Needle& needle : needles) {
    const std::size_t at = needle.FindIn(text);
    if (at == std::string_view::npos) continue;
    // What stands before it says who wrote it.
    const std::size_t begin = at < 200 ? 0 : at - 200;
    found[place].push_back(absl::StrCat(needle.name(), " in ", what, ", after: ",
                                        absl::CHexEscape(ToAbsl(text.substr(begin, at - begin)))));
  }
}

void CanarySearch::LookAtLogs(const std::vector<Needle>& needles, Found& found) {
  for (const fs::directory_entry& entry : fs::directory_iterator(stack_.directory())) {
    const std::string name = entry.path().filename();
    const bool log = name.ends_with(".out") || name.ends_with(".err");
    // The stand-ins are the world outside, and the world knows what it was sent.
    if (!log || name.starts_with("standins")) continue;
    Look(Place::kLogs, name, ReadFile(entry.path()), needles, found);
  }
}

void CanarySearch::LookAtMetrics(const std::vector<Needle>& needles, Found& found) {
  for (const std::string& service : Stack::Services()) {
    const std::string page = stack_.Metrics(service);
    EXPECT_NE(page, "") << service << " has no page of metrics";
    Look(Place::kMetrics, service, page, needles, found);
  }
}

void CanarySearch::LookAtDump(const std::vector<Needle>& needles, Found& found) {
  const Finished dump = RunToEnd(
      {"pg_dump", {kDumpProgram, "--dbname=" + stack_.database().url()}, {}, stack_.directory()},
      kDumpTime);
  EXPECT_EQ(dump.exit_code, 0) << dump.errors;
  Look(Place::kDump, "pg_dump", dump.output, needles, found);
  // Its output is no log of ours.
  fs::remove(stack_.directory() + "/pg_dump.out");
  fs::remove(stack_.directory() + "/pg_dump.err");
}

void CanarySearch::LookAtCluster(const std::vector<Needle>& needles, Found& found) {
  stack_.database().Execute("CHECKPOINT");
  const fs::path data(stack_.database().Execute("SHOW data_directory"));
  // The server's own log lies beside its data.
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(
           data.parent_path(), fs::directory_options::skip_permission_denied)) {
    std::error_code gone;
    if (!entry.is_regular_file(gone)) continue;
    Look(Place::kCluster, fs::relative(entry.path(), data), ReadFile(entry.path()), needles, found);
  }
}

void CanarySearch::LookAtProcesses(const std::vector<Needle>& needles, Found& found) {
  std::size_t services = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    if (!IsNumber(entry.path().filename())) continue;
    const std::string arguments = ReadFile(entry.path() / "cmdline");
    if (arguments.find("playlog-standins") != std::string::npos) continue;
    const std::string who = absl::StrCat("process ", arguments.substr(0, arguments.find('\0')));
    if (arguments.find(stack_.directory()) != std::string::npos) ++services;
    Look(Place::kCommandLines, who, arguments, needles, found);
    // Not readable, unless by root, for a process that forbids to be traced.
    Look(Place::kVariables, who, ReadFile(entry.path() / "environ"), needles, found);
  }
  EXPECT_GE(services, Stack::Services().size()) << "not every process was seen";
}

}  // namespace playlog::harness
