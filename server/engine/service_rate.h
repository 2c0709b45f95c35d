// SPDX-License-Identifier: Apache-2.0
// How fast the worker has been lately, and how long waiting requests must expect to wait.
#pragma once

#include <cstddef>

#include "absl/time/time.h"

namespace cascade::server {

// Learns from each step: a step of n rows takes about a + b n, fitted by least squares over the
// last ten seconds or so of work (older steps fade). Knows no clock. Not thread-safe.
class ServiceRate {
 public:
  // A step of `rows` rows took `took`, in which `finished` requests finished.
  void AddStep(std::size_t rows, absl::Duration took, std::size_t finished);

  // How long `rows` rows would take in steps of at most `step_rows`. Zero before the first step.
  absl::Duration TimeFor(std::size_t rows, std::size_t step_rows) const;

  // Time from one request's finish to the next, while there is work. Zero before the first finish.
  absl::Duration TimePerRequest() const;

 private:
  // Decayed sums over steps.
  double weight_ = 0;
  double rows_ = 0;
  double rows_squared_ = 0;
  double seconds_ = 0;
  double rows_seconds_ = 0;
  double finished_ = 0;
};

}  // namespace cascade::server
