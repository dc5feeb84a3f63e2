#include "services/song_store/settled_batches.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "common/base/crypto.h"

namespace playlog::song_store {

std::string SettledBatches::KeyOf(const Batch& batch) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.WriteVarint64(static_cast<std::uint64_t>(batch.user_id));
    for (const KeyedPlay& keyed : batch.plays) {
      coded.WriteVarint64(keyed.play->ByteSizeLong());
      keyed.play->SerializeWithCachedSizes(&coded);
    }
  }
  return Sha256(bytes);
}

std::optional<std::int64_t> SettledBatches::Find(const std::string& key) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = revisions_.find(key);
  if (found == revisions_.end()) return std::nullopt;
  return found->second;
}

void SettledBatches::Remember(const std::string& key, std::int64_t revision) {
  const absl::MutexLock lock(&mutex_);
  // What is asked for again comes in again soon.
  if (revisions_.size() >= kBatchesMax) revisions_.clear();
  revisions_.insert_or_assign(key, revision);
}

}  // namespace playlog::song_store
