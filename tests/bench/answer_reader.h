#ifndef PLAYLOG_TESTS_BENCH_ANSWER_READER_H_
#define PLAYLOG_TESTS_BENCH_ANSWER_READER_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace playlog::bench {

// Reads one HTTP/1.1 answer as its bytes come, and counts its body instead of keeping it. It costs
// the machine little, so that a measurement is of the server.
class AnswerReader {
 public:
  // Takes the next bytes of the connection. Bytes behind the answer's end make it broken.
  void Feed(std::string_view bytes);
  // The other side closed, which ends an answer that has no length.
  void Close();

  bool done() const { return state_ == State::kDone; }
  bool broken() const { return state_ == State::kBroken; }
  int status() const { return status_; }
  std::size_t body_bytes() const { return body_bytes_; }
  // The server will close the connection, so the next request needs another one.
  bool last_of_connection() const { return last_of_connection_; }

 private:
  enum class State { kHead, kBody, kUntilClose, kChunkSize, kChunk, kChunkEnd, kDone, kBroken };

  // Each takes what belongs to its part from the front of `bytes`.
  void FeedHead(std::string_view& bytes);
  void FeedChunkSize(std::string_view& bytes);
  void FeedCounted(std::string_view& bytes);
  void EndCounted();
  // Moves bytes into line_ up to the end of the line; true if that has come.
  bool TakeLine(std::string_view& bytes);
  void ReadHeadLine();

  State state_ = State::kHead;
  std::string line_;
  std::size_t left_ = 0;  // Of the body, the chunk or the line's end behind it.
  int status_ = 0;
  std::size_t body_bytes_ = 0;
  bool chunked_ = false;
  bool has_length_ = false;
  bool last_of_connection_ = false;
};

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_ANSWER_READER_H_
