// SPDX-License-Identifier: Apache-2.0

#include "server/listener/hand_over_threads.h"

#include <fcntl.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "server/listener/connection_socket.h"
#include "server/listener/peer.h"
#include "server/observability/logs.h"

namespace cascade::server {
namespace {

// How often to look whether connections still wait, and after how long a thread is taken to be
// kept: handing over takes a tenth of a millisecond.
constexpr absl::Duration kAttendPeriod = absl::Milliseconds(10);

// How long a client may keep a thread that others wait for.
constexpr absl::Duration kLongest = absl::Seconds(1);

}  // namespace

HandOverThreads::HandOverThreads(std::vector<HandOver> ways) {
  const MutexLock lock(mu_);
  for (HandOver& way : ways) lanes_.emplace_back().hand_over = std::move(way);
}

HandOverThreads::~HandOverThreads() { Stop(); }

void HandOverThreads::Add(FileDescriptor connection) {
  const MutexLock lock(mu_);
  if (stopped_) return;
  waiting_.push_back(std::move(connection));
  changed_.notify_one();
}

absl::Duration HandOverThreads::Attend(absl::Duration now) {
  const MutexLock lock(mu_);
  if (waiting_.empty()) return absl::InfiniteDuration();
  bool all_kept = true;
  Lane* slowest = nullptr;
  for (Lane& lane : lanes_) {
    if (!lane.thread.joinable()) continue;
    if (lane.busy) lane.seen_first = std::min(lane.seen_first, now);
    all_kept = all_kept && lane.busy && now - lane.seen_first >= kAttendPeriod;
    if (slowest == nullptr || lane.seen_first < slowest->seen_first) slowest = &lane;
  }
  if (all_kept && !StartOne() && now - slowest->seen_first > kLongest) Reset(*slowest);
  return now + kAttendPeriod;
}

void HandOverThreads::Reset(Lane& lane) {
  Log(LogLevel::kWarning, "reset a connection that sends without a pause: others wait",
      {{"peer", PeerOf(lane.duplicate.get()).value_or("?")}});
  ResetConnection(lane.duplicate.get());
  lane.seen_first = absl::InfiniteDuration();
}

bool HandOverThreads::StartOne() {
  const auto idle = std::find_if(lanes_.begin(), lanes_.end(),
                                 [](const Lane& lane) { return !lane.thread.joinable(); });
  if (idle == lanes_.end()) return false;
  try {
    idle->thread = std::thread([this, &lane = *idle] { Run(lane); });
  } catch (const std::system_error&) {
    return false;
  }
  return true;
}

void HandOverThreads::Run(Lane& lane) {
  mu_.lock();
  while (true) {
    while (waiting_.empty() && !stopped_) changed_.wait(mu_);
    if (stopped_) break;
    FileDescriptor connection = std::move(waiting_.front());
    waiting_.pop_front();
    lane.busy = true;
    lane.duplicate = FileDescriptor(fcntl(connection.get(), F_DUPFD_CLOEXEC, 0));
    mu_.unlock();
    lane.hand_over(std::move(connection));
    mu_.lock();
    lane.busy = false;
    lane.duplicate.Close();
    lane.seen_first = absl::InfiniteDuration();
  }
  mu_.unlock();
}

void HandOverThreads::Stop() {
  std::vector<std::thread> threads;
  {
    const MutexLock lock(mu_);
    stopped_ = true;
    waiting_.clear();
    changed_.notify_all();
    for (Lane& lane : lanes_) {
      if (lane.busy) ResetConnection(lane.duplicate.get());
      if (lane.thread.joinable()) threads.push_back(std::move(lane.thread));
    }
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace cascade::server
