// Runs the tables of bad input, and checks that the tables cover the whole corpus.

#include "tests/end_to_end/bad_input.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace playlog::harness {
namespace {

class BadInputTableTest : public BadInputTest, public ::testing::WithParamInterface<BadRequest> {};

TEST_P(BadInputTableTest, IsRefusedAndHarmsNothing) { Run(GetParam()); }

std::string NameOf(const ::testing::TestParamInfo<BadRequest>& info) {
  std::string name = absl::StrCat(info.param.id, "_", info.index);
  for (const char c : info.param.what.substr(0, 40)) {
    name += absl::ascii_isalnum(static_cast<unsigned char>(c)) ? std::string(1, c) : "";
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(HttpFraming, BadInputTableTest, ::testing::ValuesIn(HttpFramingRows()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(HttpRequest, BadInputTableTest, ::testing::ValuesIn(HttpRequestRows()),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Json, BadInputTableTest, ::testing::ValuesIn(JsonRows()), NameOf);
INSTANTIATE_TEST_SUITE_P(Query, BadInputTableTest, ::testing::ValuesIn(QueryRows()), NameOf);

// Rows with tests of their own, which are more than one request.
const std::set<std::string>& RowsWithOwnTests() {
  static const auto& rows = *new std::set<std::string>{
      // bad_input_connection_test.cc
      "H50", "H60", "H62", "H64", "H69", "H73", "H74",
      // bad_input_user_test.cc
      "J29", "J30", "J31", "J32", "J36", "J40", "Q01", "Q02", "Q06", "Q14", "Q20", "Q21",
      // bad_input_token_test.cc, bad_input_session_test.cc and bad_input_sign_in_test.cc
      "T01", "T02", "T03", "T05", "T06", "T07", "T08", "T13", "T14", "T17", "T18", "T19", "T20",
      "T23", "T25", "T26", "T27", "T28", "T29", "T31", "T32", "T34", "T35", "T36",
      // bad_upstream_test.cc and bad_upstream_rows.cc
      "U01", "U02", "U03", "U04", "U05", "U07", "U08", "U10", "U11", "U12", "U16", "U17", "U19",
      "U21", "U23", "U25", "U27", "U28", "U31", "U32", "U34", "U35", "U36", "U38", "U39", "U40",
      "U42", "U43", "U45", "U52",
      // spotify_sign_in_test.cc
      "T37", "T38", "U48", "U50"};
  return rows;
}

// Rows of features that are not built, with the feature.
const std::map<std::string, std::string>& RowsOfLaterFeatures() {
  static const auto& rows = *new std::map<std::string, std::string>{{"T30", "the admin's pages"}};
  return rows;
}

// The ids of the corpus in the layers that these tests are about.
std::vector<std::string> CorpusIds() {
  std::vector<std::string> ids;
  std::ifstream file(PLAYLOG_BAD_INPUT_CORPUS);
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> columns = absl::StrSplit(line, '\t');
    static const std::set<std::string> layers = {"HTTP", "JSON", "JWT", "QUERY", "UPSTREAM"};
    if (columns.size() > 2 && layers.contains(columns[1])) ids.push_back(columns[0]);
  }
  return ids;
}

TEST(BadInputCorpus, EveryRowIsTestedOrNamesALaterFeature) {
  const std::vector<std::string> ids = CorpusIds();
  if (ids.empty()) GTEST_SKIP() << "there is no corpus at " << PLAYLOG_BAD_INPUT_CORPUS;
  std::set<std::string> tested = RowsWithOwnTests();
  for (const auto& rows : {HttpFramingRows(), HttpRequestRows(), JsonRows(), QueryRows()}) {
    for (const BadRequest& row : rows) tested.insert(row.id);
  }
  for (const std::string& id : ids) {
    EXPECT_NE(tested.contains(id), RowsOfLaterFeatures().contains(id)) << id;
  }
  for (const std::string& id : tested) {
    EXPECT_NE(std::count(ids.begin(), ids.end(), id), 0) << id << " is not in the corpus";
  }
}

}  // namespace
}  // namespace playlog::harness
