// SPDX-License-Identifier: Apache-2.0
// Metrics as a scrape has them.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "prometheus/metric_family.h"
#include "prometheus/text_serializer.h"

namespace cascade::testing {

// The values by their series, `name{label="value",...}`, of a page in Prometheus' text format.
inline std::map<std::string, double> SeriesOf(absl::string_view page) {
  std::map<std::string, double> series;
  for (const absl::string_view line : absl::StrSplit(page, '\n', absl::SkipEmpty())) {
    if (line.front() == '#') continue;
    const std::size_t space = line.rfind(' ');
    double value = 0;
    EXPECT_TRUE(space != line.npos && absl::SimpleAtod(line.substr(space + 1), &value)) << line;
    EXPECT_TRUE(series.emplace(line.substr(0, space), value).second) << "twice: " << line;
  }
  return series;
}

inline std::map<std::string, double> SeriesOf(
    const std::vector<prometheus::MetricFamily>& families) {
  return SeriesOf(prometheus::TextSerializer().Serialize(families));
}

}  // namespace cascade::testing
