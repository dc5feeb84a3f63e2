#include "tests/standins/control_client.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <boost/json.hpp>
#include <stdexcept>

#include "tests/standins/http_message.h"

namespace playlog::standins {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

json::string Text(std::string_view text) { return json::string(text); }

}  // namespace

std::string RawExchange(std::uint16_t port, std::string_view request) {
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  boost::system::error_code error;
  socket.connect({asio::ip::address_v4::loopback(), port}, error);
  if (error) throw std::runtime_error("the stand-in is away: " + error.message());
  asio::write(socket, asio::buffer(request.data(), request.size()), error);
  std::string answer;
  asio::read(socket, asio::dynamic_buffer(answer), asio::transfer_all(), error);
  return answer;
}

json::value ControlClient::Exchange(const std::string& request) const {
  const std::string answer = RawExchange(port_, request);
  const std::size_t body = answer.find("\r\n\r\n");
  if (!answer.starts_with("HTTP/1.1 200 ") || body == std::string::npos) {
    throw std::runtime_error("the stand-in refused: " + answer);
  }
  return json::parse(std::string_view(answer).substr(body + 4));
}

json::value ControlClient::Post(std::string_view path, const json::value& body) const {
  const std::string text = json::serialize(body);
  return Exchange("POST /control/" + std::string(path) +
                  " HTTP/1.1\r\nHost: standins\r\nConnection: close\r\nContent-Length: " +
                  std::to_string(text.size()) + "\r\n\r\n" + text);
}

json::value ControlClient::Get(std::string_view path) const {
  return Exchange("GET /control/" + std::string(path) +
                  " HTTP/1.1\r\nHost: standins\r\nConnection: close\r\n\r\n");
}

void ControlClient::Script(std::string_view credential, json::value answers,
                           std::string_view then) const {
  json::object body;
  body["credential"] = Text(credential);
  body["answers"] = std::move(answers);
  body["then"] = Text(then);
  Post("script", body);
}

void ControlClient::SetListener(std::string_view credential, std::int64_t plays) const {
  json::object body;
  body["credential"] = Text(credential);
  body["plays"] = plays;
  Post("listener", body);
}

void ControlClient::AddPlays(std::string_view credential, std::int64_t count,
                             std::int64_t ago_s) const {
  json::object body;
  body["credential"] = Text(credential);
  body["count"] = count;
  body["ago_s"] = ago_s;
  Post("plays", body);
}

void ControlClient::SetLoved(std::string_view user, std::string_view title, std::string_view artist,
                             bool loved) const {
  json::object body;
  body["credential"] = Text(user);
  body["title"] = Text(title);
  body["artist"] = Text(artist);
  body["loved"] = loved;
  Post("loved", body);
}

json::array ControlClient::Calls(std::string_view credential) const {
  return Get("calls?credential=" + PercentEncode(credential)).at("calls").as_array();
}

std::map<std::string, std::int64_t> ControlClient::Counts(std::string_view service) const {
  std::map<std::string, std::int64_t> counts;
  const json::value answer = Get("counts?service=" + PercentEncode(service));
  for (const json::key_value_pair& entry : answer.at("counts").as_object()) {
    counts[std::string(entry.key())] = entry.value().to_number<std::int64_t>();
  }
  return counts;
}

std::int64_t ControlClient::MostCalls(std::string_view service, std::int64_t window_ms) const {
  const json::value answer =
      Get("busiest?service=" + PercentEncode(service) + "&window_ms=" + std::to_string(window_ms));
  if (!answer.at("whole").as_bool()) {
    throw std::runtime_error("the stand-in does not know of all calls any more");
  }
  return answer.at("calls").to_number<std::int64_t>();
}

std::int64_t ControlClient::CanaryHits() const {
  return Get("canary").at("count").to_number<std::int64_t>();
}

void ControlClient::Reset() const { Post("reset", json::object{}); }

}  // namespace playlog::standins
