// SPDX-License-Identifier: Apache-2.0

#include "model/weights/tied_head.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <span>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "model/weights/elements.h"

namespace cascade::model {
namespace {

constexpr absl::string_view kEmbedding = "wte.weight";
constexpr absl::string_view kHead = "lm_head.weight";

// Elements that are compared at a time: a few MiB of each matrix are in memory.
constexpr std::size_t kPieceElements = std::size_t{1} << 20;

// A part of a stored matrix in memory, from Read to the destructor.
class Piece {
 public:
  Piece(const WeightFiles& files, const WeightFiles::Entry& entry, const StoredType& type,
        std::size_t first)
      : files_(files), entry_(entry), type_(type) {
    const std::span<const std::byte> all = entry.tensor.bytes;
    const std::size_t begin = first * type.element_bytes;
    bytes_ = all.subspan(begin, std::min(kPieceElements * type.element_bytes, all.size() - begin));
  }
  Piece(const Piece&) = delete;
  Piece& operator=(const Piece&) = delete;
  ~Piece() { files_.Release(entry_, bytes_); }

  absl::Status Read() const { return files_.Read(entry_, bytes_); }

  bool Equals(const Piece& other) const {
    if (&type_ == &other.type_) return std::ranges::equal(bytes_, other.bytes_);
    return type_.widen(bytes_) == other.type_.widen(other.bytes_);
  }

 private:
  const WeightFiles& files_;
  const WeightFiles::Entry& entry_;
  const StoredType& type_;
  std::span<const std::byte> bytes_;
};

absl::StatusOr<bool> HaveEqualValues(const WeightFiles& files, const WeightFiles::Entry& a,
                                     const WeightFiles::Entry& b) {
  const StoredType* const type_a = FindStoredType(a.tensor.dtype);
  const StoredType* const type_b = FindStoredType(b.tensor.dtype);
  if (a.tensor.shape != b.tensor.shape || type_a == nullptr || type_b == nullptr) return false;
  const std::size_t elements = a.tensor.bytes.size() / type_a->element_bytes;
  for (std::size_t first = 0; first < elements; first += kPieceElements) {
    const Piece piece_a(files, a, *type_a, first);
    const Piece piece_b(files, b, *type_b, first);
    if (absl::Status read = piece_a.Read(); !read.ok()) return read;
    if (absl::Status read = piece_b.Read(); !read.ok()) return read;
    if (!piece_a.Equals(piece_b)) return false;
  }
  return true;
}

}  // namespace

absl::Status TieAsStored(WeightFiles& files, ModelConfig& config,
                         std::vector<std::string>& warnings) {
  if (!config.tie_word_embeddings) return absl::OkStatus();
  const WeightFiles::Entry* const head = files.Find(kHead);
  if (head == nullptr) return absl::OkStatus();
  const WeightFiles::Entry* const embedding = files.Find(kEmbedding);
  if (embedding == nullptr) {
    return files.Rename([](absl::string_view name) { return name == kHead ? kEmbedding : name; });
  }
  const absl::StatusOr<bool> equal = HaveEqualValues(files, *embedding, *head);
  if (!equal.ok()) return equal.status();
  if (*equal) return absl::OkStatus();
  config.tie_word_embeddings = false;
  warnings.push_back(absl::StrCat(
      files.PathOf(*head), ": lm_head.weight is not wte.weight, though config.json's ",
      "tie_word_embeddings is true or absent: it is used as it is stored, as in transformers 5; "
      "transformers 4 uses wte.weight instead"));
  return absl::OkStatus();
}

}  // namespace cascade::model
