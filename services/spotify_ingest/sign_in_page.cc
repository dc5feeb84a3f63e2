#include "services/spotify_ingest/sign_in_page.h"

#include "absl/strings/str_cat.h"

namespace playlog::spotify_ingest {
namespace {

// Plain text without a character that HTML would read as its own.
struct Words {
  const char* name;
  const char* heading;
  const char* text;
};

Words WordsOf(SignInEnd end) {
  switch (end) {
    case SignInEnd::kConnected:
      return {"connected", "Spotify is connected",
              "Playlog can now read your recently played songs, and renews its access by itself. "
              "You can close this page."};
    case SignInEnd::kStateMissing:
      return {"state_missing", "This is not the answer to a sign-in",
              "The address lacks the part that names the sign-in. Nothing was stored. Begin again "
              "from Playlog."};
    case SignInEnd::kStateUnknown:
      return {
          "state_unknown", "This sign-in is not open",
          "It was completed already, or it never began here. Nothing was stored now. If Playlog "
          "does not show Spotify as connected, begin again from Playlog."};
    case SignInEnd::kStateExpired:
      return {"state_expired", "This sign-in took too long",
              "It has to be completed within 10 minutes. Nothing was stored. Begin again from "
              "Playlog."};
    case SignInEnd::kOtherBrowser:
      return {
          "other_browser", "This sign-in began in another browser",
          "It can be completed only in the browser that began it, with cookies allowed. Nothing "
          "was stored. If you did not begin it yourself, somebody tried to connect your Spotify "
          "account to a Playlog account that is not yours. Else begin again in this browser."};
    case SignInEnd::kWrongIssuer:
      return {"wrong_issuer", "This answer is not from Spotify",
              "Somebody else answered in its name. Nothing was stored. Begin again from Playlog."};
    case SignInEnd::kAccessDenied:
      return {"access_denied", "You did not allow the access",
              "Spotify says that you declined. Nothing was stored. If you change your mind, begin "
              "again from Playlog."};
    case SignInEnd::kSpotifyUnavailable:
      return {
          "spotify_unavailable", "Spotify does not answer now",
          "The sign-in could not be completed because Spotify gave no usable answer. Nothing was "
          "stored. Begin again from Playlog in a few minutes."};
    case SignInEnd::kRequestRefused:
      return {
          "request_refused", "Spotify refuses this server",
          "The registration of this Playlog server at Spotify is not right. Nothing was stored. "
          "You can do nothing about it: tell whoever runs the server."};
    case SignInEnd::kUnknownError:
      return {"unknown_error", "Spotify answered with an error",
              "It is an error that Playlog does not know. Nothing was stored. Begin again from "
              "Playlog."};
    case SignInEnd::kCodeMissing:
      return {"code_missing", "The answer is incomplete",
              "Spotify sent neither a code nor an error. Nothing was stored. Begin again from "
              "Playlog."};
    case SignInEnd::kCodeRefused:
      return {
          "code_refused", "Spotify no longer takes this sign-in",
          "The code that it sent is used up, too old, or not meant for this server. Nothing was "
          "stored. Begin again from Playlog."};
    case SignInEnd::kScopeMissing:
      return {"scope_missing", "The permission is missing",
              "Spotify did not give the permission to read recently played songs, without which "
              "Playlog can do nothing. Nothing was stored. Begin again and allow it."};
    case SignInEnd::kRefreshTokenMissing:
      return {"refresh_token_missing", "The answer is incomplete",
              "Spotify sent nothing to renew the access with, so it would end within the hour. "
              "Nothing was stored. Begin again from Playlog."};
    case SignInEnd::kUserGone:
      return {"user_gone", "This Playlog account is gone",
              "The account that began the sign-in has been deleted. Nothing was stored."};
    case SignInEnd::kUnavailable:
      return {"unavailable", "Playlog cannot complete this now",
              "A part of it does not answer. Nothing was stored. Begin again in a few minutes."};
  }
  return {"unknown", "Something is wrong", "Nothing was stored. Begin again from Playlog."};
}

}  // namespace

std::string_view NameOf(SignInEnd end) { return WordsOf(end).name; }

std::string PageOf(SignInEnd end) {
  const Words words = WordsOf(end);
  return absl::StrCat(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
      words.heading, " - Playlog</title>\n</head>\n<body>\n<main>\n<h1>", words.heading,
      "</h1>\n<p>", words.text, "</p>\n</main>\n</body>\n</html>\n");
}

}  // namespace playlog::spotify_ingest
