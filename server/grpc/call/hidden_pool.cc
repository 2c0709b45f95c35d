// SPDX-License-Identifier: Apache-2.0

#include "server/grpc/call/hidden_pool.h"

#include <cmath>
#include <span>
#include <utility>

namespace cascade::server {
namespace {

// Divides a vector by its length. The length is summed in double precision, in which no square of a
// float overflows.
void Normalize(std::span<float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
  if (squares == 0) return;
  const double length = std::sqrt(squares);
  for (float& x : vector) x = static_cast<float>(static_cast<double>(x) / length);
}

}  // namespace

void HiddenPool::Add(model::ConstMatF rows) {
  if (rows.rows() == 0) return;
  n_embd_ = rows.cols();
  rows_ += rows.rows();
  switch (pooling_) {
    case Pooling::kLast: {
      const std::span<const float> last = rows.Row(rows.rows() - 1);
      values_.assign(last.begin(), last.end());
      return;
    }
    case Pooling::kMean:
      sums_.resize(n_embd_);
      for (std::size_t row = 0; row < rows.rows(); ++row) {
        const std::span<const float> state = rows.Row(row);
        for (std::size_t i = 0; i < n_embd_; ++i) sums_[i] += static_cast<double>(state[i]);
      }
      return;
    case Pooling::kTokens:
      for (std::size_t row = 0; row < rows.rows(); ++row) {
        const std::span<const float> state = rows.Row(row);
        values_.insert(values_.end(), state.begin(), state.end());
      }
      return;
  }
}

std::vector<float> HiddenPool::Take() {
  for (const double sum : std::exchange(sums_, {})) {
    values_.push_back(static_cast<float>(sum / static_cast<double>(rows_)));
  }
  if (normalize_) {
    for (std::size_t begin = 0; begin < values_.size(); begin += n_embd_) {
      Normalize(std::span(values_).subspan(begin, n_embd_));
    }
  }
  return std::exchange(values_, {});
}

}  // namespace cascade::server
