#ifndef PLAYLOG_COMMON_TESTING_TEMPORARY_DIRECTORY_H_
#define PLAYLOG_COMMON_TESTING_TEMPORARY_DIRECTORY_H_

#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace playlog::testing {

// A new directory with the rights 0700 and a path short enough for Unix sockets, removed with all
// in it.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char path[] = "/tmp/playlog-test-XXXXXX";
    if (mkdtemp(path) == nullptr) {
      std::perror("mkdtemp");
      std::abort();
    }
    path_ = path;
  }
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace playlog::testing

#endif  // PLAYLOG_COMMON_TESTING_TEMPORARY_DIRECTORY_H_
