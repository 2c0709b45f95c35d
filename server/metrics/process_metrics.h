// SPDX-License-Identifier: Apache-2.0
// What the metrics have of the process.
#pragma once

#include <vector>

#include "prometheus/metric_family.h"

namespace cascade::server {

// The process_* metrics that Prometheus' client libraries have in common: CPU time, memory,
// descriptors, start. What the system does not tell is left out. May throw std::bad_alloc.
std::vector<prometheus::MetricFamily> ProcessMetrics();

}  // namespace cascade::server
