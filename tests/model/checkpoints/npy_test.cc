// SPDX-License-Identifier: Apache-2.0

#include "model/checkpoints/npy.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace cascade::model {
namespace {

using testing::IsInvalid;
using testing::IsOk;

// A file with this header, padded as numpy does, and `bytes` bytes of elements.
std::string Npy(absl::string_view header, std::size_t bytes) {
  const std::string padded = absl::StrCat(header, std::string(118 - header.size() - 1, ' '), "\n");
  return absl::StrCat(absl::string_view("\x93NUMPY\x01\x00\x76\x00", 10), padded,
                      std::string(bytes, '\0'));
}

std::string Header(absl::string_view type, absl::string_view shape) {
  return absl::StrCat("{'descr': '", type, "', 'fortran_order': False, 'shape': (", shape, "), }");
}

TEST(NpyTest, ReadsTypeShapeAndElements) {
  const std::string file = Npy(Header("<f4", "2, 3"), 24);
  const absl::StatusOr<NpyArray> array = ParseNpy(file, "x.npy");
  ASSERT_THAT(array, IsOk());
  EXPECT_EQ(array->type, NpyType::kFloat32);
  EXPECT_EQ(array->shape, (std::vector<std::size_t>{2, 3}));
  EXPECT_EQ(array->elements.data(), file.data() + 128);
  EXPECT_EQ(array->elements.size(), 24U);
}

TEST(NpyTest, ReadsOneDimensionOfIntegers) {
  const std::string file = Npy(Header("<i4", "5,"), 20);
  const absl::StatusOr<NpyArray> array = ParseNpy(file, "x.npy");
  ASSERT_THAT(array, IsOk());
  EXPECT_EQ(array->type, NpyType::kInt32);
  EXPECT_EQ(array->shape, std::vector<std::size_t>{5});
}

TEST(NpyTest, RefusesWhatIsNoSuchFile) {
  for (const std::string& file : {std::string(), std::string("\x93NUMPY"), std::string(200, 'x'),
                                  std::string("\x93NUMPY\x02\x00\x76\x00", 10)}) {
    EXPECT_THAT(ParseNpy(file, "x.npy"), IsInvalid({"x.npy", "version 1.0"}));
  }
}

TEST(NpyTest, RefusesEveryTruncation) {
  const std::string file = Npy(Header("<f4", "2, 3"), 24);
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_THAT(ParseNpy(absl::string_view(file).substr(0, size), "x.npy"), IsInvalid({"x.npy"}));
  }
  EXPECT_THAT(ParseNpy(absl::StrCat(file, "x"), "x.npy"), IsInvalid({"does not fit 25 bytes"}));
}

TEST(NpyTest, RefusesOtherTypesAndOrders) {
  EXPECT_THAT(ParseNpy(Npy(Header("<f8", "1,"), 8), "x.npy"), IsInvalid({"<f4 or <i4"}));
  EXPECT_THAT(ParseNpy(Npy(Header(">f4", "1,"), 4), "x.npy"), IsInvalid({"<f4 or <i4"}));
  EXPECT_THAT(ParseNpy(Npy("{'descr': '<f4', 'fortran_order': True, 'shape': (1,), }", 4), "x.npy"),
              IsInvalid({"C order"}));
}

TEST(NpyTest, RefusesShapesThatNoTensorHas) {
  for (const char* shape :
       {"", "0,", "2, 0", "-1,", "x", "1, , 2", "4294967296,", "1, 1, 1, 1, 1, 1, 1, 1, 1"}) {
    EXPECT_THAT(ParseNpy(Npy(Header("<f4", shape), 4), "x.npy"), IsInvalid({"1 to 8 dimensions"}))
        << shape;
  }
}

TEST(NpyTest, RefusesAShapeWhoseProductOverflows) {
  // 4 bytes times 2^31 times 2^31 is 2^64, which is 0.
  EXPECT_THAT(ParseNpy(Npy(Header("<f4", "2147483648, 2147483648"), 0), "x.npy"),
              IsInvalid({"does not fit 0 bytes"}));
}

}  // namespace
}  // namespace cascade::model
