#include "server/grpc/services.h"

#include <utility>

#include "server/grpc/v1/text_generation_service.h"

namespace cascade::server {
namespace {

// `Api` is the generated class of the service that `Implementation` implements.
template <typename Api, typename Implementation, typename... Args>
Service Make(bool needs_model, Args&&... args) {
  return {.full_name = Api::service_full_name(),
          .needs_model = needs_model,
          .service = std::make_unique<Implementation>(std::forward<Args>(args)...)};
}

}  // namespace

std::vector<Service> MakeServices(const Serving& serving) {
  std::vector<Service> services;
  services.push_back(Make<v1::TextGeneration, TextGenerationService>(true, serving));
  return services;
}

std::set<std::string> NamesWithReadiness(const std::vector<Service>& services) {
  std::set<std::string> names;
  for (const Service& service : services) {
    if (service.needs_model) names.insert(service.full_name);
  }
  return names;
}

}  // namespace cascade::server
