// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/services.h"

#include <utility>

#include "grpc/health/v1/health.grpc.pb.h"
#include "server/grpc/reflection/reflection_service.h"
#include "server/grpc/serving.h"
#include "server/grpc/v1/text_generation_service.h"
#include "server/grpc/vllm/vllm_engine_service.h"

namespace cascade::server {
namespace {

// `Api` is the generated class of the service that `Implementation` implements.
template <typename Api, typename Implementation, typename... Args>
Service Make(bool needs_model, Args&&... args) {
  return {.full_name = Api::service_full_name(),
          .needs_model = needs_model,
          .service = std::make_unique<Implementation>(std::forward<Args>(args)...)};
}

// Reflection, which tells of the services that are in the list, of itself and of health.
void AddReflection(OpenCalls& calls, CallMemory& memory, const Authenticator& authenticator,
                   std::vector<Service>& services) {
  std::vector<std::string> names = {grpc::health::v1::Health::service_full_name(),
                                    ReflectionV1::Service::service_full_name(),
                                    ReflectionV1Alpha::Service::service_full_name()};
  for (const Service& service : services) names.push_back(service.full_name);
  const auto descriptors = std::make_shared<const Descriptors>(
      std::move(names), *google::protobuf::DescriptorPool::generated_pool());
  services.push_back(Make<ReflectionV1::Service, ReflectionService<ReflectionV1>>(
      false, descriptors, calls, memory, authenticator));
  services.push_back(Make<ReflectionV1Alpha::Service, ReflectionService<ReflectionV1Alpha>>(
      false, descriptors, calls, memory, authenticator));
}

}  // namespace

std::vector<Service> MakeServices(const Serving& serving, OpenCalls& calls) {
  std::vector<Service> services;
  services.push_back(Make<v1::TextGeneration, TextGenerationService>(true, serving));
  services.push_back(Make<::vllm::grpc::engine::VllmEngine, VllmEngineService>(true, serving));
  AddReflection(calls, serving.memory(), serving.environment().authenticator, services);
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
