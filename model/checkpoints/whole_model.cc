// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/whole_model.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace cascade::model {
namespace {

// One range for each row.
RowRanges Singly(const std::vector<std::size_t>& rows) {
  RowRanges ranges;
  for (const std::size_t row : rows) ranges.push_back({.first = row, .count = 1});
  return ranges;
}

}  // namespace

std::vector<std::size_t> FirstPositions(std::size_t count) {
  std::vector<std::size_t> positions(count);
  std::iota(positions.begin(), positions.end(), std::size_t{0});
  return positions;
}

Tensor LogitsAt(LanguageModel& model, KvCache& cache, std::span<const TokenId> tokens,
                std::span<const std::size_t> positions, std::size_t chunk) {
  const BlockTable blocks = *cache.TryAllocate(tokens.size());
  Tensor result(positions.size(), model.config().vocab_size);
  std::size_t done = 0;
  for (std::size_t start = 0; start < tokens.size(); start += chunk) {
    const std::size_t end = std::min(start + chunk, tokens.size());
    RowRanges rows;
    for (std::size_t i = done; i < positions.size() && positions[i] < end; ++i) {
      rows.push_back({.first = positions[i] - start, .count = 1});
    }
    Batch batch;
    batch.Add(blocks, start, tokens.subspan(start, end - start));
    const ConstMatF logits = model.Forward(batch, {.logits = rows}, cache).logits;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::ranges::copy(logits.Row(i), result.Rows(result.rows()).Row(done + i).begin());
    }
    done += rows.size();
  }
  return result;
}

WholeSequence::WholeSequence(LanguageModel& model, KvCache& cache, std::span<const TokenId> tokens)
    : model_(model), cache_(cache), blocks_(*cache.TryAllocate(tokens.size())) {
  batch_.Add(blocks_, 0, tokens);
}

StepOutputs WholeSequence::Forward(const RowRanges& logits, const RowRanges& hidden) {
  return model_.Forward(batch_, {.logits = logits, .hidden = hidden}, cache_);
}

std::vector<RowRanges> Selections(std::size_t count) {
  std::vector<std::size_t> backwards = FirstPositions(count);
  std::ranges::reverse(backwards);
  const std::size_t last = count - 1;
  std::vector<RowRanges> selections = {
      Singly({last}),
      Singly({0}),
      Singly({0, last}),
      Singly({last, 3, 7, 1}),
      Singly({2, 4, 6, 8, 10, 12, 14}),
      Singly(backwards),
      {{.first = 0, .count = count}},
      {{.first = 5, .count = 9}, {.first = 2, .count = 0}, {.first = 1, .count = 3}},
      {{.first = last - 3, .count = 4}, {.first = last - 1, .count = 2}}};
  // A short sequence has fewer of them, and a model gives no more rows than it was made for.
  const auto is_outside = [count](const RowRanges& ranges) {
    return CountRows(ranges) > count || std::ranges::any_of(ranges, [count](const RowRange& range) {
             return range.first >= count || range.count > count - range.first;
           });
  };
  std::erase_if(selections, is_outside);
  return selections;
}

std::string Describe(const RowRanges& ranges) {
  const auto range_text = [](std::string* out, RowRange range) {
    absl::StrAppend(out, range.first, "+", range.count);
  };
  return absl::StrCat("rows ", absl::StrJoin(ranges, ", ", range_text));
}

Tensor Select(ConstMatF all, const RowRanges& ranges) {
  Tensor selected(CountRows(ranges), all.cols());
  std::size_t next = 0;
  for (const RowRange& range : ranges) {
    for (std::size_t row = range.first; row < range.end(); ++row) {
      std::ranges::copy(all.Row(row), selected.Rows(selected.rows()).Row(next++).begin());
    }
  }
  return selected;
}

}  // namespace cascade::model
