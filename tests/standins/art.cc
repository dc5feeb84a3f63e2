#include "tests/standins/art.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <span>

#include "absl/strings/str_format.h"
#include "tests/standins/random.h"

namespace playlog::standins {
namespace {

// The background and three colours that go with it.
using Palette = std::array<std::string_view, 4>;

constexpr Palette kPalettes[] = {
    {"#14213d", "#fca311", "#e5e5e5", "#8d99ae"}, {"#264653", "#2a9d8f", "#e9c46a", "#e76f51"},
    {"#f1e9da", "#d90368", "#541388", "#ffd400"}, {"#1b1b3a", "#693668", "#a74482", "#f84aa7"},
    {"#e0e1dd", "#0d1b2a", "#415a77", "#778da9"}, {"#fefae0", "#606c38", "#283618", "#dda15e"},
    {"#2b2d42", "#ef233c", "#edf2f4", "#8d99ae"}, {"#f4f1de", "#e07a5f", "#3d405b", "#81b29a"},
    {"#003049", "#d62828", "#f77f00", "#fcbf49"}, {"#cdb4db", "#5e548e", "#231942", "#ffafcc"},
    {"#0b3c49", "#16697a", "#ffa62b", "#ede7e3"}, {"#f7ede2", "#84a59d", "#f28482", "#f6bd60"}};

// Everything is drawn on a square of 100 by 100.
class Sleeve {
 public:
  explicit Sleeve(std::uint64_t seed)
      : random_(seed), palette_(kPalettes[random_.Below(std::size(kPalettes))]) {}

  std::string Draw() {
    switch (random_.Below(5)) {
      case 0:
        Rings();
        break;
      case 1:
        Horizon();
        break;
      case 2:
        Tiles();
        break;
      case 3:
        Stripes();
        break;
      default:
        Discs();
    }
    return drawing_;
  }

  std::string_view background() const { return palette_[0]; }

 private:
  std::string_view Colour() { return palette_[1 + random_.Below(3)]; }

  void Circle(std::int64_t x, std::int64_t y, std::int64_t radius, std::string_view colour) {
    absl::StrAppendFormat(&drawing_, R"(<circle cx="%d" cy="%d" r="%d" fill="%s"/>)", x, y, radius,
                          colour);
  }

  void Rings() {
    const std::int64_t x = random_.Between(20, 80);
    const std::int64_t y = random_.Between(20, 80);
    std::size_t colour = random_.Below(4);
    for (std::int64_t radius = 95; radius > 5; radius -= random_.Between(8, 16)) {
      Circle(x, y, radius, palette_[colour++ % 4]);
    }
  }

  void Horizon() {
    Circle(random_.Between(25, 75), random_.Between(30, 50), random_.Between(14, 26), palette_[2]);
    for (std::int64_t i = 0; i < 3; ++i) {
      const std::int64_t top = 55 + 14 * i;
      absl::StrAppendFormat(&drawing_,
                            R"(<path d="M0 %d Q25 %d 50 %d T100 %d V100 H0Z" fill="%s"/>)", top,
                            top - random_.Between(4, 14), top, top,
                            palette_[static_cast<std::size_t>(1 + (i + 2) % 3)]);
    }
  }

  // Quarters of circles, each turned its own way.
  void Tiles() {
    for (std::int64_t place = 0; place < 16; ++place) {
      const std::int64_t x = place % 4 * 25;
      const std::int64_t y = place / 4 * 25;
      absl::StrAppendFormat(&drawing_,
                            R"(<path d="M0 0H25A25 25 0 0 1 0 25Z" fill="%s" )"
                            R"svg(transform="translate(%d %d) rotate(%d 12.5 12.5)"/>)svg",
                            Colour(), x, y, 90 * random_.Between(0, 3));
    }
  }

  void Stripes() {
    const std::int64_t angle = random_.Between(0, 7) * 45 / 2;
    for (std::int64_t left = -60; left < 160;) {
      const std::int64_t width = random_.Between(5, 22);
      absl::StrAppendFormat(&drawing_,
                            R"svg(<rect x="%d" y="-60" width="%d" height="220" fill="%s" )svg"
                            R"svg(transform="rotate(%d 50 50)"/>)svg",
                            left, width, Colour(), angle);
      left += width + random_.Between(4, 14);
    }
  }

  void Discs() {
    for (int i = 0; i < 6; ++i) {
      Circle(random_.Between(0, 100), random_.Between(0, 100), random_.Between(8, 34), Colour());
    }
  }

  Random random_;
  const Palette& palette_;
  std::string drawing_;
};

// What a path asks for: the digits of the album that the services share, and the width.
struct Picture {
  std::string_view album;
  int pixels = 0;
};

constexpr std::size_t kSharedDigits = 16;

std::optional<Picture> SpotifyPicture(std::string_view id) {
  struct Width {
    std::string_view prefix;
    int pixels;
  };
  static constexpr Width kWidths[] = {
      {"ab67616d0000b273", 640}, {"ab67616d00001e02", 300}, {"ab67616d00004851", 64}};
  for (const Width& width : kWidths) {
    if (!id.starts_with(width.prefix)) continue;
    return Picture{id.substr(width.prefix.size()).substr(0, kSharedDigits), width.pixels};
  }
  return std::nullopt;
}

// Of "174s/<32 digits>.jpg" or "300x300/…".
std::optional<Picture> LastfmPicture(std::string_view rest) {
  const std::size_t slash = rest.find('/');
  const std::size_t dot = rest.find('.');
  if (slash == std::string_view::npos || dot == std::string_view::npos || dot < slash) {
    return std::nullopt;
  }
  Picture picture;
  std::from_chars(rest.data(), rest.data() + slash, picture.pixels);
  picture.album = rest.substr(slash + 1, dot - slash - 1);
  picture.album.remove_prefix(std::min(picture.album.size(), kSharedDigits));
  return picture;
}

std::optional<Picture> PictureOf(std::string_view path) {
  constexpr std::string_view kSpotify = "image/";
  constexpr std::string_view kLastfm = "i/u/";
  if (!path.starts_with(kArtPath)) return std::nullopt;
  path.remove_prefix(kArtPath.size());
  if (path.starts_with(kSpotify)) return SpotifyPicture(path.substr(kSpotify.size()));
  if (path.starts_with(kLastfm)) return LastfmPicture(path.substr(kLastfm.size()));
  return std::nullopt;
}

}  // namespace

std::optional<Content> DrawArt(std::string_view path) {
  const std::optional<Picture> picture = PictureOf(path);
  if (!picture || picture->pixels <= 0 || picture->album.empty()) return std::nullopt;
  Sleeve sleeve(HashOf(picture->album, 0));
  const std::string drawing = sleeve.Draw();
  Content content = TextContent(
      200, "image/svg+xml",
      absl::StrFormat(R"(<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" )"
                      R"(viewBox="0 0 100 100"><rect width="100" height="100" fill="%s"/>%s</svg>)",
                      picture->pixels, picture->pixels, sleeve.background(), drawing));
  return content;
}

}  // namespace playlog::standins
