// SPDX-License-Identifier: Apache-2.0

#include "server/cgroup.h"

#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/engine/affinity.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr CgroupFile kMemory = {"memory", "memory.limit_in_bytes", "memory.max"};
constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;

class CgroupTest : public ::testing::Test {
 protected:
  // A file of a machine that is made up.
  void Write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_.PathOf(path)).parent_path());
    root_.WriteFile(path, text);
  }

  testing::TempDir root_;
};

TEST_F(CgroupTest, ReadsEveryGroupFromTheProcesssOwnUpwards) {
  Write("proc/self/cgroup", "0::/system.slice/cascade.service\n");
  Write("sys/fs/cgroup/system.slice/cascade.service/memory.max", "max\n");
  Write("sys/fs/cgroup/system.slice/memory.max", "536870912\n");
  EXPECT_THAT(ReadCgroupFiles(kMemory, root_.path()), ElementsAre("max", "536870912"));
  EXPECT_EQ(MemoryLimit(root_.path()), 512 * kMiB);
}

TEST_F(CgroupTest, TheSmallestLimitBinds) {
  Write("proc/self/cgroup", "0::/pod/container\n");
  Write("sys/fs/cgroup/pod/container/memory.max", "268435456\n");
  Write("sys/fs/cgroup/pod/memory.max", "67108864\n");
  EXPECT_EQ(MemoryLimit(root_.path()), 64 * kMiB);
}

TEST_F(CgroupTest, InAContainerTheTopGroupIsItsOwn) {
  Write("proc/self/cgroup", "0::/\n");
  Write("sys/fs/cgroup/memory.max", "134217728\n");
  EXPECT_EQ(MemoryLimit(root_.path()), 128 * kMiB);
}

TEST_F(CgroupTest, ReadsVersionOneWhoseGroupMayBeNamedAsTheHostSeesIt) {
  Write("proc/self/cgroup", "5:cpu,cpuacct:/docker/1234\n4:memory:/docker/1234\n0::/docker/1234\n");
  Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "100663296\n");
  Write("sys/fs/cgroup/cpu,cpuacct/memory.limit_in_bytes", "1\n");
  EXPECT_THAT(ReadCgroupFiles(kMemory, root_.path()), ElementsAre("100663296"));
  EXPECT_EQ(MemoryLimit(root_.path()), 96 * kMiB);
}

TEST_F(CgroupTest, AQuotaCountsInWholeCpus) {
  const std::size_t allowed = AllowedCpus().size();
  const struct {
    std::string limit;
    std::size_t cpus;
  } cases[] = {{"100000 100000", 1},  {"199999 100000", 1},  {"200000 100000", 2},
               {"250000 100000", 2},  {"30000 100000", 1},   {"max 100000", allowed},
               {"no limit", allowed}, {"100000 0", allowed}, {"", allowed}};
  Write("proc/self/cgroup", "0::/a\n");
  for (const auto& c : cases) {
    Write("sys/fs/cgroup/a/cpu.max", c.limit + "\n");
    EXPECT_EQ(CpuLimit(root_.path()), std::min(allowed, c.cpus)) << c.limit;
  }
}

TEST_F(CgroupTest, TheSmallestQuotaBinds) {
  Write("proc/self/cgroup", "0::/pod/container\n");
  Write("sys/fs/cgroup/pod/container/cpu.max", "max 100000\n");
  Write("sys/fs/cgroup/pod/cpu.max", "100000 100000\n");
  EXPECT_EQ(CpuLimit(root_.path()), 1U);
}

TEST_F(CgroupTest, ReadsAQuotaOfVersionOne) {
  Write("proc/self/cgroup", "5:cpu,cpuacct:/docker/1234\n0::/\n");
  Write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  Write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "50000\n");
  EXPECT_EQ(CpuLimit(root_.path()), AllowedCpus().size());
  Write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "50000\n");
  EXPECT_EQ(CpuLimit(root_.path()), 1U);
}

TEST_F(CgroupTest, WithoutAQuotaTheAffinityMaskIsTheLimit) {
  EXPECT_EQ(CpuLimit(root_.path()), AllowedCpus().size());
  const AffinityScope one(AllowedCpus().back());
  ASSERT_THAT(one.status(), testing::IsOk());
  EXPECT_EQ(CpuLimit(root_.path()), 1U);
}

TEST_F(CgroupTest, WithoutGroupsTheMachineIsTheLimit) {
  EXPECT_THAT(ReadCgroupFiles(kMemory, root_.path()), IsEmpty());
  const std::uint64_t machine = MemoryLimit(root_.path());
  EXPECT_GT(machine, 0U);
  Write("proc/self/cgroup", "0::/a\nnot a group\n1:memory\n");
  Write("sys/fs/cgroup/a/memory.max", "max\n");
  EXPECT_EQ(MemoryLimit(root_.path()), machine);
  EXPECT_LE(MemoryLimit(), machine);
}

TEST_F(CgroupTest, PrivateMemoryIsWhatIsResidentButNotShared) {
  EXPECT_EQ(PrivateMemory(root_.path()), 0U);  // nothing tells
  Write("proc/self/statm", "5000 400 300 10 0 900 0\n");
  EXPECT_EQ(PrivateMemory(root_.path()), 100U * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)));
  EXPECT_GT(PrivateMemory(), 0U);
}

}  // namespace
}  // namespace cascade::server
