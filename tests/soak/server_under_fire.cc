// SPDX-License-Identifier: Apache-2.0

#include "tests/soak/server_under_fire.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/server/process_usage.h"

namespace cascade::testing {

ServerUnderFire::ServerUnderFire(std::vector<std::string> flags) : flags_(std::move(flags)) {
  Start("127.0.0.1:0");
}

std::string ServerUnderFire::address() const { return absl::StrCat("127.0.0.1:", port_); }

void ServerUnderFire::Start(const std::string& listen) {
  std::vector<std::string> arguments = flags_;
  arguments.push_back("--listen=" + listen);
  process_ = std::make_unique<ServerProcess>(std::move(arguments));
  if (port_ != 0) return;
  const std::string address = process_->Address();
  std::uint32_t port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port)) << address;
  port_ = static_cast<std::uint16_t>(port);
}

void ServerUnderFire::Freeze(std::uint32_t ms) {
  process_->Signal(SIGSTOP);
  std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  process_->Signal(SIGCONT);
}

int ServerUnderFire::Replace() {
  const int status = End();
  Start(address());
  changes_.fetch_add(1);
  return status;
}

void ServerUnderFire::KillAndReplace() {
  changes_.fetch_add(1);
  process_->Signal(SIGKILL);
  process_->Wait();
  Start(address());
  changes_.fetch_add(1);
}

int ServerUnderFire::End() {
  changes_.fetch_add(1);
  process_->Signal(SIGTERM);
  return process_->Wait();
}

std::size_t ServerUnderFire::ResidentBytes() const {
  return MeasureUsage(process_->pid()).resident_bytes;
}

std::string ServerUnderFire::LogTail() const {
  constexpr std::size_t kTail = 4000;
  const std::string log = process_->StandardError();
  return log.substr(log.size() - std::min(log.size(), kTail));
}

}  // namespace cascade::testing
