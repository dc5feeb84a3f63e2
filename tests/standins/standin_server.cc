#include "tests/standins/standin_server.h"

#include <thread>
#include <utility>

#include "tests/standins/http_listener.h"

namespace playlog::standins {
namespace {

constexpr int kMaxConnections = 512;

WorldOptions WithEnd(WorldOptions options) {
  if (options.library.history_end_ms == 0) options.library.history_end_ms = NowMs();
  return options;
}

}  // namespace

struct StandinServer::State {
  explicit State(WorldOptions options)
      : world(WithEnd(std::move(options))),
        listener("127.0.0.1", 0, kMaxConnections,
                 [this](const HttpRequest& request) { return world.Handle(request); }),
        thread([this] { listener.Run(/*until_signal=*/false); }) {}

  World world;
  HttpListener listener;
  std::thread thread;
};

StandinServer::StandinServer(WorldOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}

StandinServer::~StandinServer() {
  state_->listener.Stop();
  state_->thread.join();
}

std::uint16_t StandinServer::port() const { return state_->listener.port(); }

std::string StandinServer::Url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port()) + path;
}

}  // namespace playlog::standins
