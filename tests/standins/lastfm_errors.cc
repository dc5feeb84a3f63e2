#include "tests/standins/lastfm_errors.h"

#include <string>

#include "tests/standins/json_text.h"

namespace playlog::standins {
namespace {

struct Row {
  int number;
  int status;
  std::string_view message;
};

constexpr Row kErrors[] = {
    {2, 400, "Invalid service - This service does not exist"},
    {3, 400, "Invalid Method - No method with that name in this package"},
    {4, 403, "Authentication Failed - You do not have permissions to access the service"},
    {5, 400, "Invalid format - This service doesn't exist in that format"},
    {6, 400, "Invalid parameters - Your request is missing a required parameter"},
    {7, 400, "Invalid resource specified"},
    {8, 500, "Operation failed - Most likely the backend service failed. Please try again."},
    {9, 403, "Invalid session key - Please re-authenticate"},
    {10, 403, "Invalid API key - You must be granted a valid key by last.fm"},
    {11, 503, "Service Offline - This service is temporarily offline. Try again later."},
    {13, 403, "Invalid method signature supplied"},
    {14, 403, "Unauthorized Token - This token has not been authorized"},
    {15, 403, "This token has expired"},
    {16, 503, "There was a temporary error processing your request. Please try again"},
    {17, 403, "Login: User required to be logged in"},
    {26, 403, "API Key Suspended - Access for your account has been suspended"},
    {27, 400, "Deprecated - This type of request is no longer supported"},
    {29, 429, "Rate Limit Exceeded - Your IP has made too many requests in a short period"},
};

}  // namespace

Content LastfmError(int number, int status) {
  Row row = {number, 500, "Unknown error"};
  for (const Row& known : kErrors) {
    if (known.number == number) row = known;
  }
  return LastfmError(number, status == 0 ? row.status : status, row.message);
}

Content LastfmError(int number, int status, std::string_view message) {
  return JsonContent(
      status, "{\"message\":" + Quoted(message) + ",\"error\":" + std::to_string(number) + "}");
}

}  // namespace playlog::standins
