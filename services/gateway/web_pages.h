#ifndef PLAYLOG_SERVICES_GATEWAY_WEB_PAGES_H_
#define PLAYLOG_SERVICES_GATEWAY_WEB_PAGES_H_

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/embedded_file.h"
#include "services/gateway/http_message.h"

namespace playlog::gateway {

// A web page, `index.html`, and its assets: style sheets, modules and pictures without a build
// step. The page is served at a path and asked for again each time; the assets below
// `<path>/assets/<hash of all files>/` and kept by browsers for a year. All are compressed once,
// when the gateway starts. Immutable, so safe from any thread.
class WebPages {
 public:
  // No page at all.
  WebPages() = default;

  // `path` is a literal route such as "/admin". In index.html, `{assets}` becomes the path of the
  // assets, `{modules}` links that have all modules fetched at once instead of as they are found to
  // import each other, and `{art_origins}` the origins that pictures may come from, such as
  // "https://i.scdn.co", beside the gateway itself. Fails, naming it, on a file of an unknown kind,
  // on an origin that is none or that is http and not of this machine, and without index.html.
  static absl::StatusOr<WebPages> Create(const std::string& path,
                                         std::span<const EmbeddedFile> files,
                                         const std::vector<std::string>& art_origins);

  // What the router has to know.
  std::vector<std::string> paths() const;

  // The answer to GET and HEAD for a path that is one of paths(). The page itself stands behind a
  // slash: without it the answer sends browsers there. Pages may have any query, which is for them
  // alone.
  HttpResponse Answer(const std::string& path, const HttpRequest& request) const;
  bool Has(const std::string& path) const { return files_.contains(path); }

 private:
  struct File {
    HttpHeaders headers;  // But for those of the encoding.
    std::string etag;     // Empty for an asset, whose address changes with its contents.
    std::string identity;
    std::string gzip;  // Empty where compressing makes it no smaller.
  };

  static File MakePage(std::string_view html, std::span<const EmbeddedFile> files,
                       const std::string& assets, const std::string& art_origins);

  std::map<std::string, File> files_;  // By path.
};

}  // namespace playlog::gateway

#endif  // PLAYLOG_SERVICES_GATEWAY_WEB_PAGES_H_
