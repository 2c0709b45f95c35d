// SPDX-License-Identifier: Apache-2.0
// The variables of the environment that set flags: CASCADE_MAX_QUEUED sets --max_queued.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace cascade::server {

// Sets each flag whose variable the environment has. INVALID_ARGUMENT names the variable whose
// value is not one of its flag's type.
absl::Status TakeEnvironment();

// The variables in `environment` (as POSIX' `environ`) that begin with CASCADE_ and set no flag,
// each with the variable that is written most alike: "CASCADE_MAX_RUNING; is it
// CASCADE_MAX_RUNNING?".
//
// Left out are the variables of the client, which may share a container's environment with the
// server, and those that Kubernetes sets for a Service whose name is cascade or begins with
// cascade-.
std::vector<std::string> UnknownVariables(const char* const* environment);

}  // namespace cascade::server
