#include "tests/bench/answer_reader.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"

namespace playlog::bench {
namespace {

constexpr std::size_t kLineBytesMax = 16 * 1024;
constexpr int kNotModified = 304;

}  // namespace

void AnswerReader::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    switch (state_) {
      case State::kHead:
        FeedHead(bytes);
        break;
      case State::kChunkSize:
        FeedChunkSize(bytes);
        break;
      case State::kBody:
      case State::kChunk:
      case State::kChunkEnd:
        FeedCounted(bytes);
        break;
      case State::kUntilClose:
        body_bytes_ += bytes.size();
        return;
      case State::kDone:
        state_ = State::kBroken;
        return;
      case State::kBroken:
        return;
    }
  }
}

void AnswerReader::Close() {
  if (state_ == State::kUntilClose) state_ = State::kDone;
  if (state_ != State::kDone) state_ = State::kBroken;
}

bool AnswerReader::TakeLine(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  const std::size_t size = end == std::string_view::npos ? bytes.size() : end + 1;
  line_.append(bytes.substr(0, size));
  bytes.remove_prefix(size);
  if (line_.size() > kLineBytesMax) state_ = State::kBroken;
  if (end == std::string_view::npos) return false;
  while (!line_.empty() && (line_.back() == '\n' || line_.back() == '\r')) line_.pop_back();
  return state_ != State::kBroken;
}

void AnswerReader::ReadHeadLine() {
  if (status_ == 0) {
    if (line_.size() < 12 || !absl::SimpleAtoi(line_.substr(9, 3), &status_)) {
      state_ = State::kBroken;
    }
  } else if (absl::StartsWithIgnoreCase(line_, "content-length:")) {
    has_length_ = absl::SimpleAtoi(line_.substr(15), &left_);
  } else if (absl::StartsWithIgnoreCase(line_, "transfer-encoding:")) {
    chunked_ = true;
  } else if (absl::StartsWithIgnoreCase(line_, "connection:")) {
    last_of_connection_ = absl::EndsWithIgnoreCase(line_, "close");
  }
}

void AnswerReader::FeedHead(std::string_view& bytes) {
  if (!TakeLine(bytes)) return;
  if (!line_.empty()) {
    ReadHeadLine();
  } else if (status_ == kNotModified) {
    // It has no body, whatever its fields say of the one that it stands for.
    state_ = State::kDone;
  } else if (chunked_) {
    state_ = State::kChunkSize;
  } else if (!has_length_) {
    last_of_connection_ = true;
    state_ = State::kUntilClose;
  } else {
    state_ = left_ == 0 ? State::kDone : State::kBody;
  }
  line_.clear();
}

void AnswerReader::FeedChunkSize(std::string_view& bytes) {
  if (!TakeLine(bytes)) return;
  const auto parsed = std::from_chars(line_.data(), line_.data() + line_.size(), left_, 16);
  state_ = parsed.ec == std::errc() ? State::kChunk : State::kBroken;
  line_.clear();
  if (state_ == State::kChunk && left_ == 0) {
    // The last chunk is empty; behind it comes the empty line that ends the body.
    left_ = 2;
    chunked_ = false;
    state_ = State::kChunkEnd;
  }
}

void AnswerReader::FeedCounted(std::string_view& bytes) {
  const std::size_t size = std::min(left_, bytes.size());
  if (state_ != State::kChunkEnd) body_bytes_ += size;
  left_ -= size;
  bytes.remove_prefix(size);
  if (left_ == 0) EndCounted();
}

void AnswerReader::EndCounted() {
  if (state_ == State::kChunk) {
    left_ = 2;
    state_ = State::kChunkEnd;
  } else if (state_ == State::kChunkEnd && chunked_) {
    state_ = State::kChunkSize;
  } else {
    state_ = State::kDone;
  }
}

}  // namespace playlog::bench
