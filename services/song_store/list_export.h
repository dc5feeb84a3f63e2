#ifndef PLAYLOG_SERVICES_SONG_STORE_LIST_EXPORT_H_
#define PLAYLOG_SERVICES_SONG_STORE_LIST_EXPORT_H_

#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "common/rpc/call.h"
#include "playlog/songs/v1/song_admin_service.pb.h"
#include "services/song_store/listing.h"
#include "services/song_store/usernames.h"

namespace playlog::song_store {

// The songs of a search as a CSV file in parts, a page of the list each. Between parts it holds no
// connection and no songs, however many there are.
class ListExport final : public rpc::Stream<songs::v1::ExportListedSongsResponse> {
 public:
  // `listing` and `look_up` outlive the stream.
  ListExport(Listing& listing, const LookUpUsers& look_up, const rpc::Call& call, Search search,
             ListOrder order)
      : listing_(listing),
        usernames_(look_up),
        call_(call),
        search_(std::move(search)),
        order_(order) {}

  absl::StatusOr<bool> Next(songs::v1::ExportListedSongsResponse& part) override;

 private:
  Listing& listing_;
  Usernames usernames_;
  rpc::Call call_;
  const Search search_;
  const ListOrder order_;
  std::optional<ListPosition> after_;
  bool begun_ = false;
  bool done_ = false;
};

}  // namespace playlog::song_store

#endif  // PLAYLOG_SERVICES_SONG_STORE_LIST_EXPORT_H_
