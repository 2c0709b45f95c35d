#include "tests/support/golden.h"

#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace cascade::testing {
namespace {

[[noreturn]] void GiveUp(const std::string& path, const char* why) {
  std::fprintf(stderr, "golden data %s: %s\n", path.c_str(), why);
  std::abort();
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) GiveUp(path, "cannot be opened");
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::size_t Product(const std::vector<std::size_t>& shape) {
  std::size_t product = 1;
  for (const std::size_t size : shape) product *= size;
  return product;
}

// The numbers of "'shape': (2, 3, 4)".
std::vector<std::size_t> ShapeOf(const std::string& header) {
  std::vector<std::size_t> shape;
  std::istringstream sizes(header.substr(header.find("'shape': (") + 10));
  for (std::size_t size = 0; sizes >> size; sizes.ignore(1, ',')) shape.push_back(size);
  return shape;
}

// The file format of numpy.save, version 1: magic (6 bytes), version (2), header length (2), a
// Python dictionary as text, the elements.
template <typename T>
std::vector<T> ReadNpy(const std::string& path, const char* dtype,
                       std::vector<std::size_t>& shape) {
  constexpr std::size_t kPreamble = 10;
  const std::string bytes = ReadFile(path);
  if (bytes.size() < kPreamble || bytes.compare(0, 7, "\x93NUMPY\x01") != 0) {
    GiveUp(path, "not a .npy file of version 1");
  }
  std::uint16_t header_length = 0;
  std::memcpy(&header_length, bytes.data() + 8, sizeof(header_length));
  const std::string header = bytes.substr(kPreamble, header_length);
  if (!absl::StrContains(header, absl::StrCat("'descr': '", dtype, "'")) ||
      !absl::StrContains(header, "'fortran_order': False")) {
    GiveUp(path, "not of the expected type, or not in C order");
  }
  shape = ShapeOf(header);
  std::vector<T> values(Product(shape));
  if (bytes.size() != kPreamble + header_length + values.size() * sizeof(T)) {
    GiveUp(path, "its size is not that of its shape");
  }
  std::memcpy(values.data(), bytes.data() + kPreamble + header_length, values.size() * sizeof(T));
  return values;
}

double AbsoluteError(float actual, float expected) {
  if (actual == expected) return 0;  // infinities too
  const double error = std::fabs(static_cast<double>(actual) - static_cast<double>(expected));
  return std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
}

bool SameShape(model::ConstMatF a, model::ConstMatF b) {
  return a.rows() == b.rows() && a.cols() == b.cols();
}

}  // namespace

model::ConstMatF GoldenTensor::AsMat() const {
  return {values.data(), values.size() / shape.back(), shape.back()};
}

model::ConstMatF GoldenTensor::At(std::size_t i) const {
  const std::size_t rows = AsMat().rows() / shape.front();
  return AsMat().Rows(i * rows, rows);
}

GoldenTensor ReadGoldenTensor(const std::string& path) {
  GoldenTensor tensor;
  tensor.values = ReadNpy<float>(path, "<f4", tensor.shape);
  return tensor;
}

std::vector<std::uint32_t> ReadGoldenInts(const std::string& path) {
  std::vector<std::size_t> shape;
  std::vector<std::uint32_t> ints;
  for (const std::int32_t value : ReadNpy<std::int32_t>(path, "<i4", shape)) {
    if (value < 0) GiveUp(path, "has a negative number");
    ints.push_back(static_cast<std::uint32_t>(value));
  }
  return ints;
}

nlohmann::json ReadGoldenJson(const std::string& path) {
  nlohmann::json json = nlohmann::json::parse(ReadFile(path), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) GiveUp(path, "is not JSON");
  return json;
}

Difference Compare(model::ConstMatF actual, model::ConstMatF expected, double tolerance) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (!SameShape(actual, expected)) return {.max_abs_error = kInfinity, .outside = 1};
  Difference difference;
  for (std::size_t r = 0; r < expected.rows(); ++r) {
    for (std::size_t c = 0; c < expected.cols(); ++c) {
      const float got = actual.Row(r)[c];
      const float want = expected.Row(r)[c];
      const double error = AbsoluteError(got, want);
      if (error > tolerance) ++difference.outside;
      if (error <= difference.max_abs_error) continue;
      difference = {error, r, c, got, want, difference.outside};
    }
  }
  return difference;
}

::testing::AssertionResult HasTheBitsOf(model::ConstMatF actual, model::ConstMatF expected) {
  if (!SameShape(actual, expected)) return ::testing::AssertionFailure() << "the shapes differ";
  for (std::size_t r = 0; r < expected.rows(); ++r) {
    for (std::size_t c = 0; c < expected.cols(); ++c) {
      const float got = actual.Row(r)[c];
      const float want = expected.Row(r)[c];
      if (std::bit_cast<std::uint32_t>(got) == std::bit_cast<std::uint32_t>(want)) continue;
      return ::testing::AssertionFailure()
             << "element [" << r << ", " << c << "] is " << ::testing::PrintToString(got)
             << ", not " << ::testing::PrintToString(want);
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace cascade::testing
