// SPDX-License-Identifier: Apache-2.0
// The metrics under the names that vLLM's have.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "prometheus/metric_family.h"

namespace cascade::server {

// Copies of those of `families` that vLLM (V1) has too, under its names and with its label
// model_name, for dashboards, autoscaling rules and routers that were written for it:
// vllm:num_requests_running, vllm:kv_cache_usage_perc, vllm:time_to_first_token_seconds and so on.
// May throw std::bad_alloc.
std::vector<prometheus::MetricFamily> UnderVllmNames(
    const std::vector<prometheus::MetricFamily>& families, absl::string_view model_name);

}  // namespace cascade::server
