#include <algorithm>
#include <string>
#include <utility>

#include "tests/standins/faults.h"
#include "tests/standins/gzip.h"

namespace playlog::standins {
namespace {

constexpr std::int64_t kMebibyte = 1024 * 1024;
constexpr std::size_t kChunkBytes = 997;  // A prime, so that chunks end in the middle of things.
constexpr std::size_t kPaddingBytes = 64 * 1024;
constexpr std::int64_t kBombBytes = 100 * kMebibyte;

Answer OneStep(int status, std::string bytes, Ending ending) {
  Answer answer;
  answer.status = status;
  answer.steps.push_back({.bytes = std::move(bytes)});
  answer.ending = ending;
  return answer;
}

std::string Half(const std::string& body) { return body.substr(0, body.size() / 2); }

std::string WithLength(const Content& content, std::size_t length) {
  return HeadOf(content.status, content.headers) + "Content-Length: " + std::to_string(length) +
         "\r\n\r\n";
}

std::string ChunkedHead(const Content& content) {
  return HeadOf(content.status, content.headers) + "Transfer-Encoding: chunked\r\n\r\n";
}

std::string HexOf(std::size_t number) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string hex;
  do {
    hex.insert(hex.begin(), kDigits[number % 16]);
    number /= 16;
  } while (number != 0);
  return hex;
}

std::string Chunk(std::string_view bytes) {
  return HexOf(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

std::string Chunks(std::string_view body) {
  std::string chunks;
  for (; !body.empty(); body.remove_prefix(std::min(kChunkBytes, body.size()))) {
    chunks += Chunk(body.substr(0, kChunkBytes));
  }
  return chunks;
}

Answer LengthLarger(const FaultContext& context) {
  const Content good = context.good();
  return OneStep(good.status, WithLength(good, good.body.size() + 1000) + good.body,
                 Ending::kClose);
}

Answer LengthSmaller(const FaultContext& context) {
  const Content good = context.good();
  const std::size_t less = std::min<std::size_t>(100, good.body.size());
  return OneStep(good.status, WithLength(good, good.body.size() - less) + good.body,
                 Ending::kClose);
}

Answer Chunked(const FaultContext& context) {
  const Content good = context.good();
  return OneStep(good.status, ChunkedHead(good) + Chunks(good.body) + "0\r\n\r\n",
                 Ending::kKeepAlive);
}

Answer Trailer(const FaultContext& context) {
  const Content good = context.good();
  return OneStep(good.status,
                 ChunkedHead(good) + Chunks(good.body) +
                     "0\r\nX-Checksum: " + std::string(70'000, 'a') + "\r\n\r\n",
                 Ending::kKeepAlive);
}

Answer ChunkBroken(const FaultContext& context) {
  const Content good = context.good();
  return OneStep(good.status, ChunkedHead(good) + Chunks(Half(good.body)) + "zz\r\nabc\r\n",
                 Ending::kClose);
}

// The good document with a member of padding in front, in three runs of bytes: what comes before
// the padding, one round of it, and what comes after.
struct Padded {
  Content good;
  std::string before;
  std::string padding = std::string(kPaddingBytes, 'x');
  std::int64_t rounds = 0;
  std::string after;
  std::size_t length = 0;
};

Padded Pad(const FaultContext& context) {
  Padded padded;
  padded.good = context.good();
  padded.before = "{\"padding\":\"";
  padded.after = "\"," + padded.good.body.substr(std::min<std::size_t>(1, padded.good.body.size()));
  const std::int64_t mebibytes = std::clamp<std::int64_t>(context.scenario.Number(0, 9), 1, 1024);
  padded.rounds = mebibytes * kMebibyte / static_cast<std::int64_t>(kPaddingBytes);
  padded.length = padded.before.size() + padded.after.size() +
                  static_cast<std::size_t>(padded.rounds) * kPaddingBytes;
  return padded;
}

Answer SendPadded(const Padded& padded, const std::string& head, bool chunked, Ending ending) {
  const auto run = [chunked](const std::string& bytes) { return chunked ? Chunk(bytes) : bytes; };
  Answer answer;
  answer.status = padded.good.status;
  answer.ending = ending;
  answer.steps.push_back({.bytes = head + run(padded.before)});
  answer.steps.push_back({.bytes = run(padded.padding), .repeat = padded.rounds});
  answer.steps.push_back({.bytes = run(padded.after) + (chunked ? "0\r\n\r\n" : "")});
  return answer;
}

Answer Big(const FaultContext& context) {
  const Padded padded = Pad(context);
  return SendPadded(padded, WithLength(padded.good, padded.length), false, Ending::kKeepAlive);
}

Answer BigChunked(const FaultContext& context) {
  const Padded padded = Pad(context);
  return SendPadded(padded, ChunkedHead(padded.good), true, Ending::kKeepAlive);
}

Answer BigClose(const FaultContext& context) {
  const Padded padded = Pad(context);
  const std::string head = HeadOf(padded.good.status, padded.good.headers);
  return SendPadded(padded, head + "Connection: close\r\n\r\n", false, Ending::kClose);
}

Answer Drip(const FaultContext& context) {
  const Content good = context.good();
  Answer answer = OneStep(good.status, WithLength(good, good.body.size()), Ending::kKeepAlive);
  answer.steps.push_back(
      {.bytes = good.body, .pause_ms = context.scenario.Number(0, 1000), .piece_bytes = 1});
  return answer;
}

Answer DripHead(const FaultContext& context) {
  Answer answer = Render(context.good());
  answer.steps.front().pause_ms = context.scenario.Number(0, 1000);
  answer.steps.front().piece_bytes = 1;
  return answer;
}

Answer HalfOfBody(const FaultContext& context, Ending ending) {
  const Content good = context.good();
  return OneStep(good.status, WithLength(good, good.body.size()) + Half(good.body), ending);
}

Answer Silent(Ending ending) {
  Answer answer;
  answer.status = 0;
  answer.ending = ending;
  return answer;
}

Answer Hang(const FaultContext&) { return Silent(Ending::kHang); }
Answer HangBody(const FaultContext& context) { return HalfOfBody(context, Ending::kHang); }
Answer Close(const FaultContext&) { return Silent(Ending::kClose); }
Answer Reset(const FaultContext&) { return Silent(Ending::kReset); }

Answer ResetBody(const FaultContext& context) {
  Answer answer = HalfOfBody(context, Ending::kReset);
  // A reset throws away what the peer has not read yet; the pause lets it see the first half.
  answer.steps.push_back({.bytes = "", .pause_ms = 50});
  return answer;
}

Answer Zipped(const FaultContext& context, std::string bytes) {
  Content good = context.good();
  good.headers.emplace_back("Content-Encoding", "gzip");
  good.body = std::move(bytes);
  return Render(good);
}

Answer Gzip(const FaultContext& context) {
  return Zipped(context, GzipStored(context.good().body));
}

Answer GzipCorrupt(const FaultContext& context) {
  std::string bytes = GzipStored(context.good().body);
  for (std::size_t i = 11; i < std::min<std::size_t>(40, bytes.size()); ++i) {
    bytes[i] = static_cast<char>(bytes[i] ^ 0x5A);
  }
  return Zipped(context, std::move(bytes));
}

Answer GzipBomb(const FaultContext& context) {
  static const std::string bomb = GzipOfZeros(kBombBytes);
  return Zipped(context, bomb);
}

Answer Garbage(const FaultContext&) {
  return OneStep(0, std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\xff\x00\n\n", 15),
                 Ending::kClose);
}

Answer BadStatusLine(const FaultContext& context) {
  return OneStep(0, "HTTP/1.1 abc\r\n\r\n" + context.good().body, Ending::kClose);
}

Answer BigHeader(const FaultContext& context) {
  Content good = context.good();
  good.headers.emplace_back("X-Big", std::string(70'000, 'b'));
  return Render(good);
}

Answer ManyHeaders(const FaultContext& context) {
  Content good = context.good();
  for (int i = 0; i < 5000; ++i) good.headers.emplace_back("X-Many-" + std::to_string(i), "1");
  return Render(good);
}

Answer Interim(const FaultContext& context) {
  Answer answer = Render(context.good());
  answer.steps.insert(answer.steps.begin(),
                      {.bytes = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"});
  return answer;
}

constexpr Fault kFaults[] = {
    {"length_larger", LengthLarger},
    {"length_smaller", LengthSmaller},
    {"chunked", Chunked},
    {"trailer", Trailer},
    {"chunk_broken", ChunkBroken},
    {"big", Big},
    {"big_chunked", BigChunked},
    {"big_close", BigClose},
    {"drip", Drip},
    {"drip_head", DripHead},
    {"hang", Hang},
    {"hang_body", HangBody},
    {"close", Close},
    {"reset", Reset},
    {"reset_body", ResetBody},
    {"gzip", Gzip},
    {"gzip_corrupt", GzipCorrupt},
    {"gzip_bomb", GzipBomb},
    {"garbage", Garbage},
    {"bad_status_line", BadStatusLine},
    {"big_header", BigHeader},
    {"many_headers", ManyHeaders},
    {"interim", Interim},
};

}  // namespace

std::span<const Fault> WireFaults() { return kFaults; }

}  // namespace playlog::standins
