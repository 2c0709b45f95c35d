// SPDX-License-Identifier: Apache-2.0
// Makes families of metrics from plain numbers.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "prometheus/metric_family.h"

namespace cascade::server {

using Labels = std::vector<prometheus::ClientMetric::Label>;

inline prometheus::MetricFamily CounterOf(absl::string_view name, absl::string_view help,
                                          double value) {
  prometheus::ClientMetric metric;
  metric.counter.value = value;
  return {std::string(name), std::string(help), prometheus::MetricType::Counter, {metric}};
}

inline prometheus::MetricFamily GaugeOf(absl::string_view name, absl::string_view help,
                                        double value, Labels labels = {}) {
  prometheus::ClientMetric metric;
  metric.gauge.value = value;
  metric.label = std::move(labels);
  return {std::string(name), std::string(help), prometheus::MetricType::Gauge, {metric}};
}

// Of a Histogram (engine/histogram.h).
template <typename Values>
prometheus::MetricFamily HistogramOf(absl::string_view name, absl::string_view help,
                                     const Values& values) {
  prometheus::ClientMetric metric;
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < values.counts.size(); ++i) {
    so_far += values.counts[i];
    const bool is_last = i == Values::bounds().size();
    metric.histogram.bucket.push_back(
        {so_far, is_last ? std::numeric_limits<double>::infinity() : Values::bounds()[i]});
  }
  metric.histogram.sample_count = so_far;
  metric.histogram.sample_sum = values.sum;
  return {std::string(name), std::string(help), prometheus::MetricType::Histogram, {metric}};
}

}  // namespace cascade::server
