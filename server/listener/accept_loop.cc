// SPDX-License-Identifier: Apache-2.0

#include "server/listener/accept_loop.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "server/listener/peer.h"

namespace cascade::server {
namespace {

// Connections of one socket that are accepted before others have their turn.
constexpr int kAcceptsAtOnce = 64;

// How often a paused loop looks whether there are descriptors again; it also does when a connection
// ends.
constexpr absl::Duration kRetryPeriod = absl::Milliseconds(100);

// How many looks after a reset are for giving freed memory back to the system, which the allocator
// would keep: the transport frees what it held for a connection a moment after it is reset.
constexpr int kTrims = 10;

// How often the loop notes what each connection received.
constexpr absl::Duration kNotePeriod = absl::Seconds(1);

absl::Duration Now() {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

FileDescriptor OpenReserve() { return FileDescriptor(open("/dev/null", O_RDONLY | O_CLOEXEC)); }

FileDescriptor Accept(int listening) {
  return FileDescriptor(accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

bool IsLackOfResources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AcceptLoop>> AcceptLoop::Start(
    std::vector<ListeningSockets> listening, ConnectionLimits limits,
    MemoryGuard::HeldBytes held_bytes, std::vector<HandOverThreads::HandOver> ways) {
  std::unique_ptr<AcceptLoop> loop(
      new AcceptLoop(std::move(listening), limits, std::move(held_bytes), std::move(ways)));
  if (!loop->IsComplete() || !loop->WatchAll()) {
    return absl::ResourceExhaustedError("no file descriptors to accept connections with");
  }
  loop->thread_ = std::thread([self = loop.get()] { self->Run(); });
  return loop;
}

AcceptLoop::AcceptLoop(std::vector<ListeningSockets> listening, ConnectionLimits limits,
                       MemoryGuard::HeldBytes held_bytes,
                       std::vector<HandOverThreads::HandOver> ways)
    : listening_(std::move(listening)),
      hand_over_(std::move(ways)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      stop_(eventfd(0, EFD_CLOEXEC)),
      reserve_(OpenReserve()),
      connections_(limits),
      guard_(std::move(held_bytes)) {}

AcceptLoop::~AcceptLoop() { Stop(); }

void AcceptLoop::Stop() {
  if (!thread_.joinable()) return;
  eventfd_write(stop_.get(), 1);
  thread_.join();
  hand_over_.Stop();
  listening_.clear();
  refusals_.Flush(absl::InfiniteDuration());
}

bool AcceptLoop::IsComplete() const { return epoll_.valid() && stop_.valid() && reserve_.valid(); }

bool AcceptLoop::WatchAll() {
  bool watched = Register(EPOLL_CTL_ADD, stop_.get());
  for (const ListeningSockets& address : listening_) {
    for (const FileDescriptor& socket : address.sockets) {
      watched = watched && Register(EPOLL_CTL_ADD, socket.get());
    }
  }
  return watched;
}

void AcceptLoop::Run() {
  for (bool running = true; running;) {
    try {
      running = RunOnce();
    } catch (const std::exception&) {  // no memory: the connection at hand is closed
    }
  }
}

bool AcceptLoop::RunOnce() {
  std::array<epoll_event, 64> room;
  const int count =
      epoll_wait(epoll_.get(), room.data(), static_cast<int>(room.size()), TimeoutMs());
  const std::span events(room.data(), static_cast<std::size_t>(std::max(count, 0)));
  // Ends come first. They free places for what is accepted after them, and a descriptor that is
  // accepted may have the number of one that has ended.
  for (const epoll_event& event : events) {
    if ((event.events & EPOLLHUP) != 0) Forget(event.data.fd);
  }
  GuardMemory();
  if (paused_) {
    if (!reserve_.valid()) reserve_ = OpenReserve();
    if (reserve_.valid()) SetPaused(false);
  }
  for (const epoll_event& event : events) {
    if (event.data.fd == stop_.get()) return false;
    if ((event.events & EPOLLIN) != 0) AcceptFrom(event.data.fd);
  }
  return true;
}

void AcceptLoop::AcceptFrom(int fd) {
  for (int i = 0; i < kAcceptsAtOnce && !paused_; ++i) {
    FileDescriptor connection = Accept(fd);
    if (connection.valid()) {
      LetIn(std::move(connection));
    } else if (IsLackOfResources(errno)) {
      RefuseWithReserve(fd);
    } else if (errno == EAGAIN) {
      return;
    }  // else it was the connection's own error, which is the connection's end
  }
}

void AcceptLoop::LetIn(FileDescriptor connection) {
  const std::optional<std::string> peer = PeerOf(connection.get());
  if (!peer.has_value()) return;  // gRPC would log an error for each of them
  const Refusal why = connections_.WhyNot(*peer, Now());
  if (why != Refusal::kNone) return refusals_.Add(why, *peer, Now());
  if (!Watch(connection, *peer)) return refusals_.Add(Refusal::kResources, *peer, Now());
  hand_over_.Add(std::move(connection));
}

bool AcceptLoop::Watch(const FileDescriptor& connection, const std::string& peer) {
  FileDescriptor watch(fcntl(connection.get(), F_DUPFD_CLOEXEC, 0));
  if (!watch.valid()) return false;
  const int fd = watch.get();
  connections_.Add(std::move(watch), peer);
  // Edges suffice, and an error that is no end would wake the thread without end.
  epoll_event hang_up = {.events = EPOLLET, .data = {.fd = fd}};
  const bool watched = epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &hang_up) == 0;
  if (!watched) connections_.Remove(fd);
  count_.store(connections_.size());
  return watched;
}

void AcceptLoop::Forget(int watch) {
  const FileDescriptor ended = connections_.Remove(watch);
  count_.store(connections_.size());
  // The transport may still have its descriptor open, and with it the registration would stay.
  if (ended.valid()) epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, watch, nullptr);
}

void AcceptLoop::RefuseWithReserve(int listening) {
  reserve_.Close();
  FileDescriptor refused = Accept(listening);
  const bool still_short = !refused.valid() && IsLackOfResources(errno);
  if (refused.valid()) {
    refusals_.Add(Refusal::kResources, PeerOf(refused.get()).value_or(""), Now());
    refused.Close();
  }
  reserve_ = OpenReserve();
  if (still_short || !reserve_.valid()) SetPaused(true);
}

void AcceptLoop::SetPaused(bool paused) {
  paused_ = paused;
  for (const ListeningSockets& address : listening_) {
    for (const FileDescriptor& socket : address.sockets) Register(EPOLL_CTL_MOD, socket.get());
  }
}

bool AcceptLoop::Register(int operation, int fd) {
  epoll_event readable = {.events = paused_ ? 0U : EPOLLIN, .data = {.fd = fd}};
  return epoll_ctl(epoll_.get(), operation, fd, &readable) == 0;
}

void AcceptLoop::GuardMemory() {
  const absl::Duration now = Now();
  if (now >= next_note_) {
    connections_.NoteReceived(now);
    next_note_ = now + kNotePeriod;
  }
  if (now < next_look_) return;
  if (guard_.GrowsBeyondBound()) {
    connections_.ResetHeaviest(guard_.held_bytes(), now);
    trims_due_ = kTrims;
  } else if (trims_due_ > 0) {
    --trims_due_;
    malloc_trim(0);
  }
  next_look_ = now + guard_.UntilNextLook();
}

int AcceptLoop::TimeoutMs() {
  const absl::Duration now = Now();
  absl::Duration until = std::min(refusals_.Flush(now), hand_over_.Attend(now));
  if (!connections_.empty()) until = std::min(until, std::max(now, next_look_));
  if (paused_) until = std::min(until, now + kRetryPeriod);
  if (until == absl::InfiniteDuration()) return -1;
  return static_cast<int>(
      absl::ToInt64Milliseconds(absl::Ceil(until - now, absl::Milliseconds(1))));
}

}  // namespace cascade::server
