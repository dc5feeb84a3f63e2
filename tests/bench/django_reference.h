#ifndef PLAYLOG_TESTS_BENCH_DJANGO_REFERENCE_H_
#define PLAYLOG_TESTS_BENCH_DJANGO_REFERENCE_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "tests/harness/child_process.h"

namespace playlog::bench {

// The Django application that we are measured against: the same endpoints, seeded with the same
// songs, under gunicorn with two workers, with a database of its own in the same cluster.
class DjangoReference {
 public:
  // `folder` has the application, `sockets` is where PostgreSQL's socket lies, `directory` takes
  // the output. Returns nothing, and says in `missing` what it lacks, on a machine without the
  // application or its packages. Throws std::runtime_error if what is there does not start.
  static std::unique_ptr<DjangoReference> Start(const std::string& folder,
                                                const std::string& sockets,
                                                const std::string& directory, std::string& missing);
  ~DjangoReference();
  DjangoReference(const DjangoReference&) = delete;
  DjangoReference& operator=(const DjangoReference&) = delete;

  int port() const { return port_; }
  // An access token of a seeded user, good for five minutes.
  std::string Token(const std::string& user) const;
  // The processes that answer.
  std::vector<pid_t> Workers() const;

 private:
  DjangoReference(const std::string& folder, const std::vector<std::string>& variables,
                  const std::string& directory);

  harness::ChildProcess process_;
  int port_ = 0;
};

}  // namespace playlog::bench

#endif  // PLAYLOG_TESTS_BENCH_DJANGO_REFERENCE_H_
