// Prints the description of the API that the gateway serves as /openapi.json, for the tests.

#include <iostream>

#include "services/gateway/openapi.h"
#include "services/gateway/router.h"

int main() {
  const auto services = playlog::gateway::PlaylogServices();
  if (!services.ok()) {
    std::cerr << services.status() << "\n";
    return 1;
  }
  const auto router = playlog::gateway::Router::Create(*services);
  if (!router.ok()) {
    std::cerr << router.status() << "\n";
    return 1;
  }
  const auto document = playlog::gateway::MakeOpenApi(**router);
  if (!document.ok()) {
    std::cerr << document.status() << "\n";
    return 1;
  }
  std::cout << *document << "\n";
  return 0;
}
