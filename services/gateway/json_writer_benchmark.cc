// Compares the writer with Protobuf's own on a page of 50 stored songs, from the bytes that gRPC
// brings to the bytes that HTTP sends.

#include <benchmark/benchmark.h>
#include <google/protobuf/util/json_util.h>

#include <cstdlib>
#include <string>

#include "playlog/songs/v1/song_store_service.pb.h"
#include "services/gateway/json_writer.h"

namespace playlog::gateway {
namespace {

using songs::v1::GetStoredSongsResponse;

std::string Page() {
  GetStoredSongsResponse page;
  for (int i = 0; i < 50; ++i) {
    songs::v1::Song& song = *page.add_results();
    song.set_id(1'000'000 + i);
    song.set_title("Everything in Its Right Place");
    song.set_artist("Radiohead, Sigur R\xC3\xB3s");
    song.set_album("Kid A \"Mnesia\"");
    song.mutable_played_at()->set_seconds(1'705'329'000 - i * 247);
    song.mutable_played_at()->set_nanos(i % 2 == 0 ? 123'000'000 : 0);
    song.set_album_thumbnail("https://i.scdn.co/image/ab67616d0000b2736c7112082b63beefffe40151");
    song.set_track_url("https://open.spotify.com/track/2kRFrWaLWiKq48YYVdGcm8");
    song.set_artists_url("https://open.spotify.com/artist/4Z8W4fKeB5YxbusRsdQVPb");
    song.set_duration_ms(251'000);
    song.set_source(songs::v1::SOURCE_SPOTIFY);
  }
  return page.SerializeAsString();
}

void BM_OurWriter(benchmark::State& state) {
  const std::string wire = Page();
  JsonPlans plans;
  const JsonPlan& plan = **plans.Compile(*GetStoredSongsResponse::descriptor());
  std::string json;
  for (auto _ : state) {
    json.clear();
    if (!WriteJson(plan, wire, json).ok()) std::abort();
    benchmark::DoNotOptimize(json.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(json.size()));
}
BENCHMARK(BM_OurWriter);

void BM_ProtobufsWriter(benchmark::State& state) {
  const std::string wire = Page();
  google::protobuf::util::JsonPrintOptions options;
  options.always_print_primitive_fields = true;
  options.preserve_proto_field_names = true;
  std::string json;
  for (auto _ : state) {
    json.clear();
    GetStoredSongsResponse page;
    if (!page.ParseFromString(wire)) std::abort();
    if (!google::protobuf::util::MessageToJsonString(page, &json, options).ok()) std::abort();
    benchmark::DoNotOptimize(json.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(json.size()));
}
BENCHMARK(BM_ProtobufsWriter);

}  // namespace
}  // namespace playlog::gateway

BENCHMARK_MAIN();
