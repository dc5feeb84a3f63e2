#include "tests/bench/report.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

namespace playlog::bench {
namespace {

namespace json = boost::json;

bool Holds(Bound bound, double value, double limit) {
  return bound == Bound::kAtLeast ? value >= limit : value <= limit;
}

// Three digits are as many as a measurement on a shared machine is good for.
std::string Short(double value) {
  const double size = std::abs(value);
  if (size >= 100) return absl::StrFormat("%.0f", value);
  if (size >= 10) return absl::StrFormat("%.1f", value);
  return absl::StrFormat("%.2f", value);
}

std::string Short(const std::optional<double>& value) { return value ? Short(*value) : ""; }

std::string LimitText(const Row& row, const std::optional<double>& limit) {
  if (!limit.has_value()) return "";
  return absl::StrCat(row.limits.bound == Bound::kAtLeast ? ">= " : "<= ", Short(*limit));
}

std::vector<std::string> Cells(const Row& row) {
  if (!row.skipped.empty()) {
    return {row.scenario, row.what, "", row.against, "", "", "", "", "skipped: " + row.skipped};
  }
  return {row.scenario,
          row.what,
          absl::StrCat(Short(row.ours), " ", row.unit),
          row.against,
          row.peers ? absl::StrCat(Short(*row.peers), " ", row.unit) : "",
          row.judged
              ? absl::StrCat(Short(*row.judged), row.judged_unit == "x" ? "" : " ", row.judged_unit)
              : "",
          LimitText(row, row.limits.floor),
          LimitText(row, row.limits.target),
          Verdict(row)};
}

std::string Line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string line = "|";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    absl::StrAppend(&line, " ", cells[i], std::string(widths[i] - cells[i].size(), ' '), " |");
  }
  return line + "\n";
}

json::value OrNull(const std::optional<double>& value) {
  return value.has_value() ? json::value(*value) : json::value(nullptr);
}

json::object RowJson(const Row& row) {
  json::object object;
  object["scenario"] = row.scenario;
  object["what"] = row.what;
  object["unit"] = row.unit;
  object["ours"] = OrNull(row.ours);
  object["against"] = row.against;
  object["peers"] = OrNull(row.peers);
  object["judged"] = OrNull(row.judged);
  object["judged_unit"] = row.judged_unit;
  object["bound"] = row.limits.bound == Bound::kAtLeast ? "at least" : "at most";
  object["floor"] = OrNull(row.limits.floor);
  object["target"] = OrNull(row.limits.target);
  object["verdict"] = row.skipped.empty() ? Verdict(row) : "skipped: " + row.skipped;
  object["ours_values"] = json::array(row.ours_values.begin(), row.ours_values.end());
  object["peers_values"] = json::array(row.peers_values.begin(), row.peers_values.end());
  return object;
}

}  // namespace

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double MedianRatio(const std::vector<double>& over, const std::vector<double>& under) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < over.size(); ++i) ratios.push_back(over[i] / under[i]);
  return Median(std::move(ratios));
}

std::string Verdict(const Row& row) {
  const Limits& limits = row.limits;
  if (!row.judged.has_value() || (!limits.floor.has_value() && !limits.target.has_value())) {
    return "reported";
  }
  if (limits.floor.has_value() && !Holds(limits.bound, *row.judged, *limits.floor)) return "short";
  std::string target = !limits.target.has_value()                         ? ""
                       : Holds(limits.bound, *row.judged, *limits.target) ? "target met"
                                                                          : "target not met yet";
  if (!limits.floor.has_value()) return target;
  return target.empty() ? "pass" : absl::StrCat("pass, ", target);
}

void Report::Add(Row row) { rows_.push_back(std::move(row)); }

std::string Report::Table() const {
  std::vector<std::vector<std::string>> lines = {
      {"scenario", "what", "ours", "against", "peer", "judged", "floor", "target", "result"}};
  for (const Row& row : rows_) lines.push_back(Cells(row));
  std::vector<std::size_t> widths(lines[0].size());
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < line.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text = absl::StrCat("Machine:  ", machine_.description,
                                  "\nCommit:   ", machine_.commit, "\nPackages: ");
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
  document["commit"] = machine_.commit;
  document["packages"] = std::move(packages);
  document["rows"] = std::move(rows);
  return json::serialize(document) + "\n";
}

}  // namespace playlog::bench
