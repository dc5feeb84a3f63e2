#ifndef PLAYLOG_SERVICES_SPOTIFY_INGEST_SIGN_IN_PAGE_H_
#define PLAYLOG_SERVICES_SPOTIFY_INGEST_SIGN_IN_PAGE_H_

#include <string>
#include <string_view>

namespace playlog::spotify_ingest {

// How a sign-in ended. Everything but kConnected has stored nothing.
enum class SignInEnd {
  kConnected,
  kStateMissing,         // The answer names no sign-in.
  kStateUnknown,         // It names one that never began here, or that is completed.
  kStateExpired,         // It came too late.
  kOtherBrowser,         // Another browser began it.
  kWrongIssuer,          // Somebody else than Spotify answers.
  kAccessDenied,         // The user did not allow it.
  kSpotifyUnavailable,   // Spotify says that it cannot now, or gives no usable answer.
  kRequestRefused,       // Spotify refuses what we ask for, or our registration.
  kUnknownError,         // Spotify names an error that nobody knows.
  kCodeMissing,          // Neither a code nor an error.
  kCodeRefused,          // Spotify refuses its own code.
  kScopeMissing,         // The user allowed something else.
  kRefreshTokenMissing,  // What Spotify gave cannot be renewed.
  kUserGone,             // The user is deleted.
  kUnavailable,          // A part of ours does not answer.
};

// A name for logs and metrics.
std::string_view NameOf(SignInEnd end);

// The page for people, a whole HTML document that says what happened and what to do. It is made of
// constant texts alone: nothing that a browser or Spotify sent is in it.
std::string PageOf(SignInEnd end);

}  // namespace playlog::spotify_ingest

#endif  // PLAYLOG_SERVICES_SPOTIFY_INGEST_SIGN_IN_PAGE_H_
