#include "services/song_store/admin_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/error.h"
#include "common/testing/matchers.h"
#include "google/api/annotations.pb.h"
#include "playlog/options/v1/options.pb.h"
#include "services/song_store/csv.h"
#include "services/song_store/testing.h"

namespace playlog::song_store {
namespace {

using ::playlog::testing::ErrorIs;
using ::playlog::testing::IsOk;
using songs::v1::ListedSong;
using songs::v1::ListSongsRequest;
using songs::v1::ListSongsResponse;
using songs::v1::Play;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kInvalidField = errors::v1::ERROR_CODE_INVALID_FIELD;

class NoTokens final : public rpc::TokenVerifier {
 public:
  absl::StatusOr<jwt::Claims> Verify(std::string_view) override {
    return absl::UnauthenticatedError("no tokens here");
  }
};

class SongAdminServiceTest : public ::testing::Test {
 protected:
  SongAdminServiceTest()
      : listing_(postgres_.pool()),
        cursors_(*CursorCodec::Create(Secret("3f9a71c04be852d6f0a17c39e6b4d82a"))),
        dispatcher_({.workers = 1, .queue = 1}, verifier_),
        service_(
            listing_, postgres_.pool(),
            [this](const rpc::Call&, const auth::v1::LookUpUsersRequest& request) {
              return LookUp(request);
            },
            cursors_, dispatcher_) {
    call_.user_id = 1;
    call_.deadline = Soon();
  }

  // What auth does, with two users.
  absl::StatusOr<auth::v1::LookUpUsersResponse> LookUp(
      const auth::v1::LookUpUsersRequest& request) {
    if (!auth_.ok()) return auth_;
    auth::v1::LookUpUsersResponse response;
    for (const std::string& part : request.parts()) {
      auth::v1::UserMatches& matches = *response.add_matches();
      matches.set_capped(part == "everybody");
      for (const auto& [id, name] : names_) {
        if (absl::StrContains(name, part)) matches.add_ids(id);
      }
    }
    for (const std::int64_t id : request.ids()) {
      if (!names_.contains(id)) continue;
      response.add_users()->set_id(id);
      response.mutable_users(response.users_size() - 1)->set_username(names_[id]);
    }
    return response;
  }

  void Store(std::int64_t user_id, int count, songs::v1::Source source = songs::v1::SOURCE_LASTFM) {
    std::vector<Play> plays;
    for (int i = 0; i < count; ++i) {
      plays.push_back(PlayAt(i * 1'000'000, absl::StrCat("Title ", i)));
      plays.back().set_loved(i % 2 == 0);
    }
    ASSERT_THAT(postgres_.store().Upsert(BatchOf(plays, user_id, source), Soon()), IsOk());
    FillListing(postgres_.pool());
  }

  ListSongsResponse List(const ListSongsRequest& request) {
    const auto response = service_.ListSongs(call_, request);
    EXPECT_THAT(response, IsOk());
    return response.ok() ? *response : ListSongsResponse();
  }

  std::string Export(const songs::v1::ExportListedSongsRequest& request) {
    auto stream = service_.ExportListedSongs(call_, request);
    EXPECT_THAT(stream, IsOk());
    std::string file;
    while (stream.ok()) {
      songs::v1::ExportListedSongsResponse part;
      const absl::StatusOr<bool> more = (*stream)->Next(part);
      EXPECT_THAT(more, IsOk());
      if (!more.ok() || !*more) break;
      EXPECT_FALSE(part.body().empty());
      file += part.body();
    }
    return file;
  }

  PostgresFixture postgres_;
  Listing listing_;
  CursorCodec cursors_;
  NoTokens verifier_;
  rpc::Dispatcher dispatcher_;
  std::map<std::int64_t, std::string> names_ = {{1, "ann"}, {2, "bob"}};
  absl::Status auth_;
  SongAdminService service_;
  rpc::Call call_;
};

// The promise that nobody makes or changes a song by hand.
TEST(SongAdminServiceDescriptorTest, NoCallCreatesEditsOrDeletes) {
  const google::protobuf::ServiceDescriptor& service =
      *songs::v1::ListSongsRequest::descriptor()->file()->FindServiceByName("SongAdminService");
  EXPECT_GE(service.method_count(), 7);
  for (int i = 0; i < service.method_count(); ++i) {
    const google::protobuf::MethodDescriptor& method = *service.method(i);
    EXPECT_EQ(method.options().idempotency_level(),
              google::protobuf::MethodOptions::NO_SIDE_EFFECTS)
        << method.full_name();
    const google::api::HttpRule& rule = method.options().GetExtension(google::api::http);
    EXPECT_EQ(rule.pattern_case(), google::api::HttpRule::kGet) << method.full_name();
    EXPECT_TRUE(rule.additional_bindings().empty()) << method.full_name();
    EXPECT_TRUE(method.options().GetExtension(options::v1::access).staff()) << method.full_name();
  }
}

TEST_F(SongAdminServiceTest, ListsSongsOfAllUsersWithTheirNames) {
  Store(1, 3);
  Store(2, 2);
  Store(7, 1);
  ListSongsRequest request;
  const ListSongsResponse response = List(request);
  ASSERT_EQ(response.results_size(), 6);
  EXPECT_FALSE(response.has_next());
  EXPECT_FALSE(response.has_behind());
  std::map<std::int64_t, int> songs;
  for (const ListedSong& song : response.results()) {
    ++songs[song.user_id()];
    EXPECT_EQ(song.has_username(), song.user_id() != 7);
    EXPECT_TRUE(!song.has_username() || song.username() == names_[song.user_id()]);
  }
  EXPECT_EQ(songs, (std::map<std::int64_t, int>{{1, 3}, {2, 2}, {7, 1}}));
}

TEST_F(SongAdminServiceTest, FindsAWordInAUsersNameToo) {
  Store(1, 2);
  Store(2, 2);
  ListSongsRequest request;
  request.mutable_filter()->set_q("bo 1");
  const ListSongsResponse response = List(request);
  ASSERT_EQ(response.results_size(), 1);
  EXPECT_EQ(response.results(0).username(), "bob");
  EXPECT_EQ(response.results(0).song().title(), "Title 1");
  EXPECT_THAT(response.words_not_in_names(), IsEmpty());
}

TEST_F(SongAdminServiceTest, SaysWhichWordsTooManyNamesHave) {
  Store(1, 1);
  ListSongsRequest request;
  request.mutable_filter()->set_q("everybody title");
  EXPECT_THAT(List(request).words_not_in_names(), ElementsAre("everybody"));
}

TEST_F(SongAdminServiceTest, ACursorIsGoodForItsFilterAndOrderAlone) {
  Store(1, 5);
  ListSongsRequest request;
  request.set_limit(2);
  request.set_order_by("title");
  request.mutable_filter()->set_loved(true);
  request.set_cursor(List(request).next());
  EXPECT_EQ(List(request).results_size(), 1);
  request.set_limit(1);  // The size of the page may change.
  EXPECT_EQ(List(request).results_size(), 1);
  ListSongsRequest other = request;
  other.set_order_by("-title");
  EXPECT_THAT(service_.ListSongs(call_, other), ErrorIs(kInvalidField));
  other = request;
  other.mutable_filter()->set_loved(false);
  EXPECT_THAT(service_.ListSongs(call_, other), ErrorIs(kInvalidField));
  for (const std::string& cursor : {std::string(), std::string("x"), request.cursor() + "A",
                                    "A" + request.cursor().substr(1)}) {
    other = request;
    other.set_cursor(cursor);
    EXPECT_THAT(service_.ListSongs(call_, other), ErrorIs(kInvalidField)) << cursor;
  }
}

TEST_F(SongAdminServiceTest, RefusesWhatIsNotAllowedByName) {
  const auto field = [this](const std::function<void(ListSongsRequest&)>& change) {
    ListSongsRequest request;
    change(request);
    const auto response = service_.ListSongs(call_, request);
    EXPECT_THAT(response, ErrorIs(kInvalidField));
    return FieldOf(response.status());
  };
  EXPECT_EQ(field([](auto& r) { r.set_limit(0); }), "limit");
  EXPECT_EQ(field([](auto& r) { r.set_limit(201); }), "limit");
  for (const char* order : {"", "-", "name", "--id", "title,id", "ID"}) {
    EXPECT_EQ(field([order](auto& r) { r.set_order_by(order); }), "order_by") << order;
  }
  EXPECT_EQ(field([](auto& r) { r.mutable_filter()->set_user_id(0); }), "filter.user_id");
  EXPECT_EQ(field([](auto& r) { r.mutable_filter()->set_batch_id(-1); }), "filter.batch_id");
  EXPECT_EQ(field([](auto& r) { r.mutable_filter()->set_q(std::string(201, 'x')); }), "filter.q");
  EXPECT_EQ(field([](auto& r) { r.mutable_filter()->set_q("a b c d e f g h i j k"); }), "filter.q");
  EXPECT_EQ(field([](auto& r) { r.mutable_filter()->set_track_mbid(""); }), "filter.track_mbid");
  EXPECT_EQ(field([](auto& r) { r.mutable_filter()->mutable_from()->set_nanos(-1); }),
            "filter.from");
  songs::v1::CountListedSongsByPeriodRequest by_period;
  EXPECT_THAT(service_.CountListedSongsByPeriod(call_, by_period), ErrorIs(kInvalidField));
  EXPECT_THAT(service_.GetSong(call_, {}), ErrorIs(kInvalidField));
  EXPECT_THAT(service_.CountSongsOfUsers(call_, {}), ErrorIs(kInvalidField));
  songs::v1::ListBatchesRequest batches;
  batches.set_before(0);
  EXPECT_THAT(service_.ListBatches(call_, batches), ErrorIs(kInvalidField));
}

TEST_F(SongAdminServiceTest, SaysHowFarBehindTheIndexIs) {
  Store(1, 1);
  ASSERT_THAT(
      postgres_.store().Upsert(BatchOf({PlayAt(9, "Late")}, 1, songs::v1::SOURCE_SPOTIFY), Soon()),
      IsOk());
  EXPECT_FALSE(List({}).has_behind());
  postgres_.database().Execute(
      "UPDATE song_store.listing_queue SET queued_at = now() - interval '10 seconds'");
  const ListSongsResponse response = List({});
  ASSERT_TRUE(response.has_behind());
  EXPECT_EQ(response.behind().batches(), 1);
  EXPECT_GT(response.behind().since().seconds(), 0);
}

TEST_F(SongAdminServiceTest, CountsByEveryFacetAsIfItWereNotFilteredBy) {
  Store(1, 5);
  Store(2, 4, songs::v1::SOURCE_SPOTIFY);
  songs::v1::CountListedSongsRequest request;
  request.mutable_filter()->set_source(songs::v1::SOURCE_LASTFM);
  request.mutable_filter()->set_loved(true);
  const auto response = service_.CountListedSongs(call_, request);
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->total().count(), 3);
  ASSERT_EQ(response->by_source_size(), 2);
  EXPECT_EQ(response->by_source(0).source(), songs::v1::SOURCE_SPOTIFY);
  EXPECT_EQ(response->by_source(0).songs().count(), 2);
  EXPECT_EQ(response->by_source(1).songs().count(), 3);
  ASSERT_EQ(response->by_loved_size(), 2);
  EXPECT_TRUE(response->by_loved(0).value());
  EXPECT_EQ(response->by_loved(0).songs().count(), 3);
  EXPECT_EQ(response->by_loved(1).songs().count(), 2);
  ASSERT_EQ(response->by_streamable_size(), 2);
  EXPECT_EQ(response->by_streamable(0).songs().count(), 0);
  EXPECT_EQ(response->by_streamable(1).songs().count(), 3);
}

TEST_F(SongAdminServiceTest, ReturnsASongOrSaysThatThereIsNone) {
  Store(1, 1);
  songs::v1::GetSongRequest request;
  request.set_id(List({}).results(0).song().id());
  const auto found = service_.GetSong(call_, request);
  ASSERT_THAT(found, IsOk());
  EXPECT_EQ(found->result().song().title(), "Title 0");
  EXPECT_EQ(found->result().username(), "ann");
  EXPECT_EQ(found->batch().inserted(), 1);
  EXPECT_EQ(found->batch().username(), "ann");
  request.set_id(12'345);
  EXPECT_THAT(service_.GetSong(call_, request), ErrorIs(errors::v1::ERROR_CODE_NOT_FOUND));
}

TEST_F(SongAdminServiceTest, ExportsEverySongOfTheListInItsOrder) {
  Store(1, 250);
  Store(2, 3);
  songs::v1::ExportListedSongsRequest request;
  request.set_order_by("id");
  request.mutable_filter()->set_user_id(1);
  const std::string file = Export(request);
  const std::vector<std::string> lines = absl::StrSplit(file, "\r\n");
  ASSERT_EQ(lines.size(), 252U);  // The header, and nothing behind the last.
  EXPECT_EQ(lines[0] + "\r\n", CsvHeader());
  EXPECT_EQ(lines.back(), "");
  EXPECT_THAT(lines[1], HasSubstr(",1,ann,Title 0,Artist,,lastfm,"));
  std::set<std::string> ids;
  for (std::size_t i = 1; i <= 250; ++i) ids.insert(lines[i].substr(0, lines[i].find(',')));
  EXPECT_EQ(ids.size(), 250U);
}

TEST_F(SongAdminServiceTest, AnExportOfNothingIsAHeader) {
  songs::v1::ExportListedSongsRequest request;
  request.mutable_filter()->set_q("nothing");
  EXPECT_EQ(Export(request), CsvHeader());
}

TEST_F(SongAdminServiceTest, AnExportEndsWhenItsReaderHasGone) {
  Store(1, 1);
  auto stream = service_.ExportListedSongs(call_, {});
  ASSERT_THAT(stream, IsOk());
  rpc::Call gone = call_;
  gone.cancelled = [] { return true; };
  stream = service_.ExportListedSongs(gone, {});
  ASSERT_THAT(stream, IsOk());
  songs::v1::ExportListedSongsResponse part;
  EXPECT_THAT((*stream)->Next(part), IsOk());
  part.Clear();
  EXPECT_TRUE(absl::IsCancelled((*stream)->Next(part).status()));
}

TEST_F(SongAdminServiceTest, ListsBatchesAndCountsSongsOfUsers) {
  Store(1, 3);
  Store(2, 2, songs::v1::SOURCE_SPOTIFY);
  const auto batches = service_.ListBatches(call_, {});
  ASSERT_THAT(batches, IsOk());
  ASSERT_EQ(batches->results_size(), 2);
  EXPECT_EQ(batches->results(0).username(), "bob");
  EXPECT_EQ(batches->results(1).inserted(), 3);
  EXPECT_FALSE(batches->has_next());
  songs::v1::CountSongsOfUsersRequest request;
  request.add_user_ids(2);
  const auto counts = service_.CountSongsOfUsers(call_, request);
  ASSERT_THAT(counts, IsOk());
  EXPECT_EQ(counts->results(0).by_source(0).songs().count(), 2);
  EXPECT_EQ(counts->results(0).by_source(1).songs().count(), 0);
}

TEST_F(SongAdminServiceTest, SaysThatItCannotAskForNames) {
  Store(1, 1);
  auth_ = Error(errors::v1::ERROR_CODE_UNAVAILABLE, "auth is away");
  EXPECT_THAT(service_.ListSongs(call_, {}), ErrorIs(errors::v1::ERROR_CODE_UNAVAILABLE));
}

}  // namespace
}  // namespace playlog::song_store
