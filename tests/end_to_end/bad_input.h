#ifndef PLAYLOG_TESTS_END_TO_END_BAD_INPUT_H_
#define PLAYLOG_TESTS_END_TO_END_BAD_INPUT_H_

#include <string>
#include <string_view>
#include <vector>

#include "tests/harness/api.h"
#include "tests/harness/end_to_end_test.h"

namespace playlog::harness {

// One request of the tables and what must come of it. `bytes` may hold {TOKEN}, which stands for
// the access token of a user who has a Last.fm key.
struct BadRequest {
  std::string id;    // In the corpus: "H04". Several rows may share one.
  std::string what;  // What is special about it.
  std::string bytes;
  int status = 400;           // 0: the connection is closed; an answer may come or not.
  std::string code = "";      // "" for a good answer.
  std::string mentions = "";  // A part of the body's `error` or `detail`.
  bool closes = false;        // One answer, then the end.
  bool writes = false;        // Something may be stored, or an upstream called.
};
void PrintTo(const BadRequest& row, std::ostream* stream);

// The tables, by the corpus's layers.
std::vector<BadRequest> HttpFramingRows();
std::vector<BadRequest> HttpRequestRows();
std::vector<BadRequest> JsonRows();
std::vector<BadRequest> QueryRows();
std::vector<BadRequest> TokenRows();

// Requests to build rows from. Each ends its header with the empty line; `fields` are whole lines.
std::string WithToken(std::string_view method, std::string_view target,
                      std::string_view fields = {});
// A POST to a path with the token and a body with its length.
std::string JsonPost(std::string_view target, std::string_view body);

// What the tests of bad input share. One user, who has a Last.fm key, sends every row.
class BadInputTest : public EndToEndTest {
 protected:
  static const User& Sender();

  // What a row may not change: the rows of every table, and the calls of the upstreams.
  static std::string Stored();
  static std::size_t UpstreamCalls();
  // Fails the running test unless the gateway logged exactly one request since the position, in a
  // line with the answer's request id, and only whole lines of JSON without control characters.
  static void ExpectOneLogLine(std::size_t position, const HttpAnswer& answer);
  static std::size_t LogEnd();
  // Fails the running test unless a good request on a new connection is answered within a second;
  // returns when that has been logged.
  static void ExpectStillGood();
  // A counter of the gateway's page of metrics; 0 if it is not there.
  static double GatewayMetric(const std::string& line_start);

  // Sends a row and checks the answer and every invariant.
  static void Run(const BadRequest& row);
};

}  // namespace playlog::harness

#endif  // PLAYLOG_TESTS_END_TO_END_BAD_INPUT_H_
