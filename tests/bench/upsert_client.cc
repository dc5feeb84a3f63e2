#include "tests/bench/upsert_client.h"

#include <grpcpp/client_context.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/rpc/client.h"
#include "playlog/songs/v1/song_store_service.grpc.pb.h"

namespace playlog::bench {
namespace {

using songs::v1::Play;
using songs::v1::SongStoreService;
using songs::v1::UpsertSongsRequest;
using songs::v1::UpsertSongsResponse;

constexpr int kBatchPlays = 1000;

// Letters and digits that look random and differ by `number` and `salt`.
std::string Digits(std::uint64_t number, std::uint64_t salt) {
  std::string digits;
  for (std::uint64_t half = 0; half < 2; ++half) {
    std::uint64_t mixed = (number * 2 + half) * 0x9e3779b97f4a7c15 + salt;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    absl::StrAppendFormat(&digits, "%016x", mixed ^ (mixed >> 31));
  }
  return digits;
}

void Fill(Play& play, std::uint64_t number, absl::Time played_at) {
  play.set_title(absl::StrCat("Song Title number ", number % 3000));
  play.set_artist(absl::StrCat("Artist Name ", number % 500));
  play.set_album(absl::StrCat("Album Name ", number % 900));
  play.mutable_played_at()->set_seconds(absl::ToUnixSeconds(played_at));
  play.set_album_thumbnail("https://i.scdn.co/image/ab67616d0000b273" + Digits(number % 900, 1));
  play.set_track_url("https://open.spotify.com/track/" + Digits(number % 3000, 2).substr(0, 22));
  play.set_artists_url("https://open.spotify.com/artist/" + Digits(number % 500, 3).substr(0, 22));
  play.set_duration_ms(210'000);
}

// One stream: its own connection, so that two of them are as two processes.
class Stream {
 public:
  Stream(const std::string& address, const std::string& tls_directory)
      : stub_(SongStoreService::NewStub(rpc::Connect("song_store", address, tls_directory))) {}

  // A batch without plays stores nothing, so it only makes the connection.
  void Connect() {
    UpsertSongsRequest nothing;
    nothing.set_user_id(1);
    nothing.set_source(songs::v1::SOURCE_SPOTIFY);
    nothing.set_origin("fetch");
    Call(nothing);
  }

  void Run(const Batches& batches) {
    for (const UpsertSongsRequest& batch : batches) {
      if (!status_.ok()) return;
      Call(batch);
    }
  }

  // Adds what the calls of Run did. Throws if one failed.
  void AddTo(Upserted& sum) const {
    if (!status_.ok()) {
      throw std::runtime_error(absl::StrCat("UpsertSongs: ", status_.error_message(), " (",
                                            static_cast<int>(status_.error_code()), ")"));
    }
    sum.inserted += sum_.inserted;
    sum.updated += sum_.updated;
    sum.unchanged += sum_.unchanged;
  }

 private:
  void Call(const UpsertSongsRequest& request) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    context.set_wait_for_ready(true);
    UpsertSongsResponse response;
    status_ = stub_->UpsertSongs(&context, request, &response);
    sum_.inserted += response.inserted();
    sum_.updated += response.updated();
    sum_.unchanged += response.unchanged();
  }

  const std::unique_ptr<SongStoreService::Stub> stub_;
  grpc::Status status_;
  Upserted sum_;
};

}  // namespace

Batches MakeBatches(std::int64_t user_id, int plays, absl::Time first) {
  Batches batches;
  for (int number = 0; number < plays; ++number) {
    if (number % kBatchPlays == 0) {
      UpsertSongsRequest& batch = batches.emplace_back();
      batch.set_user_id(user_id);
      batch.set_source(songs::v1::SOURCE_SPOTIFY);
      batch.set_origin("fetch");
      batch.mutable_plays()->Reserve(std::min(kBatchPlays, plays - number));
    }
    Fill(*batches.back().add_plays(), static_cast<std::uint64_t>(number),
         first + number * absl::Seconds(37));
  }
  return batches;
}

UpsertClient::UpsertClient(std::string address, std::string tls_directory)
    : address_(std::move(address)), tls_directory_(std::move(tls_directory)) {}

Upserted UpsertClient::Send(const std::vector<Batches>& streams) const {
  std::vector<std::unique_ptr<Stream>> clients;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    clients.push_back(std::make_unique<Stream>(address_, tls_directory_));
    clients.back()->Connect();
  }
  Upserted sum;
  const absl::Time begin = absl::Now();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      threads.emplace_back([&client = *clients[i], &batches = streams[i]] { client.Run(batches); });
    }
  }
  sum.time = absl::Now() - begin;
  for (const auto& client : clients) client->AddTo(sum);
  return sum;
}

}  // namespace playlog::bench
