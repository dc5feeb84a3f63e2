// Compares the writing of an answer with Protobuf's own, and both it and the reading of a body with
// what the machine takes to copy the same bytes.

#include <benchmark/benchmark.h>
#include <google/protobuf/util/json_util.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "playlog/songs/v1/song_store_service.pb.h"
#include "services/gateway/json_reader.h"
#include "services/gateway/json_writer.h"

namespace playlog::gateway {
namespace {

using songs::v1::GetStoredSongsResponse;
using songs::v1::UpsertSongsRequest;

constexpr int kSongs = 50;

// Fills what songs and plays have in common.
template <class Song>
void Fill(Song& song, int number) {
  song.set_title("Everything in Its Right Place");
  song.set_artist("Radiohead, Sigur R\xC3\xB3s");
  song.set_album("Kid A \"Mnesia\"");
  song.mutable_played_at()->set_seconds(1'705'329'000 - number * 247);
  song.mutable_played_at()->set_nanos(number % 2 == 0 ? 123'000'000 : 0);
  song.set_album_thumbnail("https://i.scdn.co/image/ab67616d0000b2736c7112082b63beefffe40151");
  song.set_track_url("https://open.spotify.com/track/2kRFrWaLWiKq48YYVdGcm8");
  song.set_artists_url("https://open.spotify.com/artist/4Z8W4fKeB5YxbusRsdQVPb");
  song.set_duration_ms(251'000);
}

// A page of stored songs.
GetStoredSongsResponse Answer() {
  GetStoredSongsResponse answer;
  for (int i = 0; i < kSongs; ++i) {
    songs::v1::Song& song = *answer.add_results();
    Fill(song, i);
    song.set_id(1'000'000 + i);
    song.set_source(songs::v1::SOURCE_SPOTIFY);
  }
  return answer;
}

std::string WriteOrDie(const google::protobuf::Message& message) {
  JsonPlans plans;
  std::string json;
  if (!WriteJson(**plans.Compile(*message.GetDescriptor()), message, json).ok()) std::abort();
  return json;
}

// As many plays as JSON.
std::string Body() {
  UpsertSongsRequest request;
  request.set_user_id(1'000'000);
  request.set_source(songs::v1::SOURCE_SPOTIFY);
  request.set_origin("fetch");
  for (int i = 0; i < kSongs; ++i) Fill(*request.add_plays(), i);
  return WriteOrDie(request);
}

void CountBytes(benchmark::State& state, const std::string& text) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

// From the bytes that gRPC brings to the bytes that HTTP sends.
void BM_WriteAnswer(benchmark::State& state) {
  const std::string wire = Answer().SerializeAsString();
  JsonPlans plans;
  const JsonPlan& plan = **plans.Compile(*GetStoredSongsResponse::descriptor());
  std::string json;
  for (auto _ : state) {
    json.clear();
    if (!WriteJson(plan, wire, json).ok()) std::abort();
    benchmark::DoNotOptimize(json.data());
  }
  CountBytes(state, json);
}
BENCHMARK(BM_WriteAnswer);

google::protobuf::util::JsonPrintOptions LikeOurs() {
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  return options;
}

// From a message that is there already.
void BM_WriteAnswerByProtobuf(benchmark::State& state) {
  const GetStoredSongsResponse answer = Answer();
  const auto options = LikeOurs();
  std::string json;
  for (auto _ : state) {
    json.clear();
    if (!google::protobuf::util::MessageToJsonString(answer, &json, options).ok()) std::abort();
    benchmark::DoNotOptimize(json.data());
  }
  CountBytes(state, json);
}
BENCHMARK(BM_WriteAnswerByProtobuf);

// From the bytes that gRPC brings, as ours.
void BM_ParseAndWriteAnswerByProtobuf(benchmark::State& state) {
  const std::string wire = Answer().SerializeAsString();
  const auto options = LikeOurs();
  std::string json;
  for (auto _ : state) {
    json.clear();
    GetStoredSongsResponse answer;
    if (!answer.ParseFromString(wire)) std::abort();
    if (!google::protobuf::util::MessageToJsonString(answer, &json, options).ok()) std::abort();
    benchmark::DoNotOptimize(json.data());
  }
  CountBytes(state, json);
}
BENCHMARK(BM_ParseAndWriteAnswerByProtobuf);

void BM_ReadBody(benchmark::State& state) {
  const std::string json = Body();
  for (auto _ : state) {
    UpsertSongsRequest request;
    if (!ReadJson(json, request).ok()) std::abort();
    benchmark::DoNotOptimize(request);
  }
  CountBytes(state, json);
}
BENCHMARK(BM_ReadBody);

void Copy(benchmark::State& state, const std::string& text) {
  std::string copy(text.size(), '\0');
  for (auto _ : state) {
    std::memcpy(copy.data(), text.data(), text.size());
    benchmark::DoNotOptimize(copy.data());
    benchmark::ClobberMemory();
  }
  CountBytes(state, text);
}

void BM_CopyAnswer(benchmark::State& state) { Copy(state, WriteOrDie(Answer())); }
BENCHMARK(BM_CopyAnswer);

void BM_CopyBody(benchmark::State& state) { Copy(state, Body()); }
BENCHMARK(BM_CopyBody);

}  // namespace
}  // namespace playlog::gateway

BENCHMARK_MAIN();
