// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/sha256.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "model/weights/file_memory.h"

namespace cascade::model {
namespace {

constexpr std::size_t kBlockBytes = 64;

// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr std::array<std::uint32_t, 64> kRound = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

using State = std::array<std::uint32_t, 8>;

std::uint32_t BigEndian(const std::byte* bytes) {
  std::uint32_t word = 0;
  for (std::size_t i = 0; i < 4; ++i) word = word << 8 | std::to_integer<std::uint32_t>(bytes[i]);
  return word;
}

// The 64 words that a block of 64 bytes is stretched to.
std::array<std::uint32_t, 64> Schedule(const std::byte* block) {
  std::array<std::uint32_t, 64> w{};
  for (std::size_t t = 0; t < 16; ++t) w[t] = BigEndian(block + 4 * t);
  for (std::size_t t = 16; t < 64; ++t) {
    const std::uint32_t s0 = std::rotr(w[t - 15], 7) ^ std::rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
    const std::uint32_t s1 = std::rotr(w[t - 2], 17) ^ std::rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
    w[t] = w[t - 16] + s0 + w[t - 7] + s1;
  }
  return w;
}

void Compress(const std::byte* block, State& state) {
  const std::array<std::uint32_t, 64> w = Schedule(block);
  auto [a, b, c, d, e, f, g, h] = state;
  for (std::size_t t = 0; t < 64; ++t) {
    const std::uint32_t s1 = std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25);
    const std::uint32_t t1 = h + s1 + ((e & f) ^ (~e & g)) + kRound[t] + w[t];
    const std::uint32_t s0 = std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22);
    const std::uint32_t t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const State added = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < state.size(); ++i) state[i] += added[i];
}

constexpr State kInitial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                            0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

// Adds whole blocks.
void AddBlocks(std::span<const std::byte> blocks, State& state) {
  for (std::size_t at = 0; at < blocks.size(); at += kBlockBytes) {
    Compress(blocks.data() + at, state);
  }
}

// Adds what is left after the last whole block, and the end: a bit 1, zeros, and the message's
// length in bits. It takes a second block where the first has no room for the length.
std::string Finish(std::span<const std::byte> rest, std::size_t message_bytes, State state) {
  std::array<std::byte, 2 * kBlockBytes> tail{};
  if (!rest.empty()) std::memcpy(tail.data(), rest.data(), rest.size());
  tail[rest.size()] = std::byte{0x80};
  const std::size_t tail_bytes = rest.size() + 9 <= kBlockBytes ? kBlockBytes : 2 * kBlockBytes;
  std::uint64_t bits = std::uint64_t{message_bytes} * 8;
  for (std::size_t i = 1; i <= 8; ++i, bits >>= 8) {
    tail[tail_bytes - i] = static_cast<std::byte>(bits & 0xFF);
  }
  AddBlocks(std::span(tail).first(tail_bytes), state);
  std::string hex;
  for (const std::uint32_t word : state) {
    absl::StrAppend(&hex, absl::Hex(word, absl::kZeroPad8));
  }
  return hex;
}

}  // namespace

std::string Sha256(std::span<const std::byte> message) {
  State state = kInitial;
  const std::size_t whole = message.size() / kBlockBytes * kBlockBytes;
  AddBlocks(message.first(whole), state);
  return Finish(message.subspan(whole), message.size(), state);
}

absl::StatusOr<std::string> Sha256OfFile(const std::string& path) {
  const absl::StatusOr<FileMemory> file = FileMemory::Open(path);
  if (!file.ok()) return file.status();
  file->WillBeRead();
  constexpr std::size_t kPieceBytes = std::size_t{4} << 20;  // whole blocks
  State state = kInitial;
  std::span<const std::byte> left = file->bytes();
  while (true) {
    const std::span<const std::byte> piece = left.first(std::min(kPieceBytes, left.size()));
    if (absl::Status read = file->Read(piece); !read.ok()) return read;
    if (piece.size() < kPieceBytes) break;
    AddBlocks(piece, state);
    file->Release(piece);
    left = left.subspan(piece.size());
  }
  const std::size_t whole = left.size() / kBlockBytes * kBlockBytes;
  AddBlocks(left.first(whole), state);
  return Finish(left.subspan(whole), file->bytes().size(), state);
}

}  // namespace cascade::model
