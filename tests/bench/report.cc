#include "tests/bench/report.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tests/bench/statistics.h"

namespace playlog::bench {
namespace {

namespace json = boost::json;

bool Holds(const Target& target, double value) {
  return target.bound == Target::Bound::kAtLeast ? value >= target.value : value <= target.value;
}

// Three digits are as many as a measurement on a shared machine is good for.
std::string Short(double value) {
  const double size = std::abs(value);
  if (size >= 100) return absl::StrFormat("%.0f", value);
  if (size >= 10) return absl::StrFormat("%.1f", value);
  return absl::StrFormat("%.2f", value);
}

// The middle of the values with their unit; nothing without values.
std::string MedianText(const std::vector<double>& values, const std::string& unit) {
  if (values.empty()) return "";
  return absl::StrCat(Short(Median(values)), unit == "x" || unit.empty() ? "" : " ", unit);
}

std::string TargetText(const Row& row) {
  if (!row.target.has_value()) return "";
  return absl::StrCat(row.target->bound == Target::Bound::kAtLeast ? ">= " : "<= ",
                      Short(row.target->value));
}

// The verdict with its reason: what is missing, or how many pairs met the target.
std::string ResultText(const Row& row) {
  std::string verdict = Verdict(row);
  if (!row.skipped.empty()) return absl::StrCat(verdict, ": ", row.skipped);
  if (!row.missing.empty()) return absl::StrCat(verdict, ": ", row.missing);
  if (!row.target.has_value() || row.judged.size() < 2) return verdict;
  return absl::StrCat(verdict, ", ", PairsMet(row), " of ", row.judged.size(), " pairs");
}

std::vector<std::string> Cells(const Row& row) {
  return {row.scenario,
          row.what,
          MedianText(row.ours, row.unit),
          row.against,
          MedianText(row.peers, row.unit),
          MedianText(row.judged, row.judged_unit),
          TargetText(row),
          ResultText(row)};
}

std::string Line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string line = "|";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    absl::StrAppend(&line, " ", cells[i], std::string(widths[i] - cells[i].size(), ' '), " |");
  }
  return line + "\n";
}

json::value MedianOrNull(const std::vector<double>& values) {
  return values.empty() ? json::value(nullptr) : json::value(Median(values));
}

json::array Values(const std::vector<double>& values) {
  return json::array(values.begin(), values.end());
}

json::object RowJson(const Row& row) {
  json::object object;
  object["scenario"] = row.scenario;
  object["what"] = row.what;
  object["unit"] = row.unit;
  object["ours"] = MedianOrNull(row.ours);
  object["against"] = row.against;
  object["peers"] = MedianOrNull(row.peers);
  object["judged"] = MedianOrNull(row.judged);
  object["judged_unit"] = row.judged_unit;
  object["bound"] = nullptr;
  object["target"] = nullptr;
  if (row.target.has_value()) {
    object["bound"] = row.target->bound == Target::Bound::kAtLeast ? "at least" : "at most";
    object["target"] = row.target->value;
    object["pairs"] = row.judged.size();
    object["pairs_met"] = PairsMet(row);
  }
  object["verdict"] = Verdict(row);
  object["why"] = row.skipped.empty() ? row.missing : row.skipped;
  object["ours_values"] = Values(row.ours);
  object["peers_values"] = Values(row.peers);
  object["judged_values"] = Values(row.judged);
  return object;
}

}  // namespace

std::size_t PairsMet(const Row& row) {
  return static_cast<std::size_t>(
      std::count_if(row.judged.begin(), row.judged.end(),
                    [&row](double value) { return Holds(*row.target, value); }));
}

std::string Verdict(const Row& row) {
  if (!row.skipped.empty()) return "skipped";
  if (!row.missing.empty()) return "short";
  if (!row.target.has_value()) return "reported";
  // Where all pairs meet it, so does their median.
  return !row.judged.empty() && PairsMet(row) == row.judged.size() ? "pass" : "short";
}

void Report::Add(Row row) { rows_.push_back(std::move(row)); }

std::string Report::Table() const {
  std::vector<std::vector<std::string>> lines = {
      {"scenario", "what", "ours", "against", "peer", "ratio", "target", "result"}};
  for (const Row& row : rows_) lines.push_back(Cells(row));
  std::vector<std::size_t> widths(lines[0].size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text = absl::StrCat("Machine:  ", machine_.description, "\nLoad:     ", machine_.load,
                                  " before the run\nCommit:   ", machine_.commit, "\nPackages: ");
  std::vector<std::string> packages;
  for (const auto& [name, version] : machine_.packages) packages.push_back(name + " " + version);
  absl::StrAppend(&text, absl::StrJoin(packages, ", "), "\n\n", Line(lines[0], widths), "|");
  for (const std::size_t width : widths) absl::StrAppend(&text, std::string(width + 2, '-'), "|");
  text += "\n";
  for (std::size_t i = 1; i < lines.size(); ++i) text += Line(lines[i], widths);
  return text;
}

std::string Report::Json() const {
  json::object packages;
  for (const auto& [name, version] : machine_.packages) packages[name] = version;
  json::array rows;
  for (const Row& row : rows_) rows.push_back(RowJson(row));
  json::object document;
  document["machine"] = machine_.description;
  document["load"] = machine_.load;
  document["commit"] = machine_.commit;
  document["packages"] = std::move(packages);
  document["rows"] = std::move(rows);
  return json::serialize(document) + "\n";
}

}  // namespace playlog::bench
