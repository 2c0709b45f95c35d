// SPDX-License-Identifier: Apache-2.0

#include "client/prefix_order.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <string>

#include "absl/strings/string_view.h"

namespace cascade::client {
namespace {

constexpr std::size_t kTextBytes = 256;
constexpr int kTokenIds = 64;

// FNV-1a: the same in every process, which absl::Hash is not.
class Fnv {
 public:
  Fnv& Add(absl::string_view bytes) {
    for (const char byte : bytes) Add(static_cast<std::uint8_t>(byte));
    return *this;
  }
  Fnv& Add(std::uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) Add(static_cast<std::uint8_t>(value >> shift));
    return *this;
  }
  std::uint64_t value() const { return value_; }

 private:
  void Add(std::uint8_t byte) { value_ = (value_ ^ byte) * 0x100000001b3U; }

  std::uint64_t value_ = 0xcbf29ce484222325U;
};

// The end of MurmurHash3, which spreads what two similar addresses have apart.
std::uint64_t Mix(std::uint64_t hash) {
  hash = (hash ^ (hash >> 33U)) * 0xff51afd7ed558ccdU;
  hash = (hash ^ (hash >> 33U)) * 0xc4ceb9fe1a85ec53U;
  return hash ^ (hash >> 33U);
}

std::uint64_t HashOfBeginning(const v1::GenerateRequest& request) {
  Fnv hash;
  const std::string& salt = request.cache().salt();
  hash.Add(static_cast<std::uint32_t>(salt.size())).Add(salt);
  hash.Add(absl::string_view(request.text()).substr(0, kTextBytes));
  const auto& ids = request.token_ids().ids();
  for (int i = 0; i < std::min(ids.size(), kTokenIds); ++i) hash.Add(ids[i]);
  return hash.value();
}

}  // namespace

std::vector<std::size_t> PrefixOrder(const v1::GenerateRequest& request,
                                     std::span<const std::string> addresses) {
  const std::uint64_t beginning = HashOfBeginning(request);
  std::vector<std::uint64_t> weights;
  for (const std::string& address : addresses) {
    weights.push_back(Mix(beginning ^ Mix(Fnv().Add(address).value())));
  }
  std::vector<std::size_t> order(addresses.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) {
    return weights[a] != weights[b] ? weights[a] > weights[b] : addresses[a] < addresses[b];
  });
  return order;
}

}  // namespace cascade::client
