#ifndef PLAYLOG_COMMON_BASE_EMBEDDED_FILE_H_
#define PLAYLOG_COMMON_BASE_EMBEDDED_FILE_H_

#include <string_view>

namespace playlog {

// A file that was compiled into the program by the CMake function playlog_embed.
struct EmbeddedFile {
  std::string_view name;  // Without its folder.
  std::string_view contents;
};

}  // namespace playlog

#endif  // PLAYLOG_COMMON_BASE_EMBEDDED_FILE_H_
