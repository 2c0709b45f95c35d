// SPDX-License-Identifier: Apache-2.0
// The list of the process's services.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "grpcpp/impl/service_type.h"

namespace cascade::server {

class OpenCalls;
class Serving;

// One service of the list.
struct Service {
  std::string full_name;  // "cascade.v1.TextGeneration"
  bool needs_model;       // health reports its readiness
  std::unique_ptr<grpc::Service> service;
};

// All services but health, which reports on them. The one place that names them: a new service is
// a new line here. Borrows both.
std::vector<Service> MakeServices(const Serving& serving, OpenCalls& calls);

// The names that health answers for.
std::set<std::string> NamesWithReadiness(const std::vector<Service>& services);

}  // namespace cascade::server
