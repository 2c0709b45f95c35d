// SPDX-License-Identifier: Apache-2.0

#include "server/engine/service_rate.h"

#include <algorithm>
#include <cmath>

namespace cascade::server {
namespace {

// A step's weight falls to 1/e in so much busy time.
constexpr double kMemorySeconds = 10;

// A process that was stopped for a minute had one step of a minute. So a step counts at most so
// many times what was to be expected; if steps have become slower for good, a few of them show it.
constexpr double kMostOfExpected = 20;
constexpr double kStepsToExpectBy = 8;

}  // namespace

void ServiceRate::AddStep(std::size_t rows, absl::Duration took, const Finished& finished) {
  const double real_seconds = std::max(0.0, absl::ToDoubleSeconds(took));
  const double expected = absl::ToDoubleSeconds(TimeFor(rows, rows));
  const bool is_known = weight_ >= kStepsToExpectBy && expected > 0;
  const double seconds =
      is_known ? std::min(real_seconds, kMostOfExpected * expected) : real_seconds;
  const double n = static_cast<double>(rows);
  const double decay = std::exp(-real_seconds / kMemorySeconds);
  for (double* sum : {&weight_, &rows_, &rows_squared_, &seconds_, &rows_seconds_, &finished_,
                      &finished_choices_, &finished_tokens_}) {
    *sum *= decay;
  }
  weight_ += 1;
  rows_ += n;
  rows_squared_ += n * n;
  seconds_ += seconds;
  rows_seconds_ += n * seconds;
  finished_ += static_cast<double>(finished.requests);
  finished_choices_ += static_cast<double>(finished.choices);
  finished_tokens_ += static_cast<double>(finished.tokens);
}

absl::Duration ServiceRate::TimeFor(std::size_t rows, std::size_t step_rows) const {
  if (rows == 0 || weight_ == 0) return absl::ZeroDuration();
  // If all steps had one size, the fit cannot tell a row's cost from a step's: all of the time then
  // counts as the step's.
  const double spread = weight_ * rows_squared_ - rows_ * rows_;
  double per_row = 0;
  if (spread > 1e-6 * weight_ * rows_squared_) {
    per_row = std::max(0.0, (weight_ * rows_seconds_ - rows_ * seconds_) / spread);
  }
  const double per_step = std::max(0.0, (seconds_ - per_row * rows_) / weight_);
  const std::size_t steps = (rows + step_rows - 1) / step_rows;
  return absl::Seconds(static_cast<double>(steps) * per_step + static_cast<double>(rows) * per_row);
}

absl::Duration ServiceRate::TimePerRequest() const {
  if (finished_ <= 0) return absl::ZeroDuration();
  return absl::Seconds(seconds_ / finished_);
}

double ServiceRate::TokensPerChoice() const {
  return finished_choices_ <= 0 ? 0 : finished_tokens_ / finished_choices_;
}

}  // namespace cascade::server
