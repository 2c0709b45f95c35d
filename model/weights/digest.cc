// SPDX-License-Identifier: Apache-2.0

#include "model/weights/digest.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <new>
#include <span>

#include "absl/strings/escaping.h"

namespace cascade::model {
namespace {

// Half of a usual second-level cache, so that the bytes that were hashed are still in it when their
// NaNs are counted. A multiple of every element's size.
constexpr std::size_t kPieceBytes = std::size_t{1} << 18;

}  // namespace

WeightsDigest::WeightsDigest() : state_(XXH3_createState()) {
  if (state_ == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(state_.get());
}

void WeightsDigest::Free::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

void WeightsDigest::AddNumber(std::size_t number) {
  const std::uint64_t fixed = number;
  XXH3_128bits_update(state_.get(), &fixed, sizeof(fixed));
}

// With its length, so that no two different lists of texts hash the same bytes.
void WeightsDigest::AddText(absl::string_view text) {
  AddNumber(text.size());
  XXH3_128bits_update(state_.get(), text.data(), text.size());
}

void WeightsDigest::Add(absl::string_view name, const StoredTensor& tensor,
                        const StoredType& type) {
  AddText(name);
  AddText(tensor.dtype);
  AddNumber(tensor.shape.size());
  for (const std::size_t size : tensor.shape) AddNumber(size);
  for (std::size_t at = 0; at < tensor.bytes.size(); at += kPieceBytes) {
    const auto piece = tensor.bytes.subspan(at, std::min(kPieceBytes, tensor.bytes.size() - at));
    XXH3_128bits_update(state_.get(), piece.data(), piece.size());
    counts_ += type.count(piece);
  }
}

std::string WeightsDigest::Hex() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_.get()));
  return absl::BytesToHexString(
      absl::string_view(reinterpret_cast<const char*>(canonical.digest), sizeof(canonical.digest)));
}

}  // namespace cascade::model
