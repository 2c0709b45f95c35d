// SPDX-License-Identifier: Apache-2.0

#include "tests/server/server_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <utility>

#include "gtest/gtest.h"

namespace cascade::testing {

ServerProcess::ServerProcess(const std::vector<std::string>& arguments,
                             std::vector<std::string> wrapper) {
  std::vector<std::string> command = std::move(wrapper);
  command.emplace_back(CASCADE_SERVER_BINARY);
  command.emplace_back("--log_format=text");  // unless `arguments` say otherwise
  command.insert(command.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& argument : command) argv.push_back(argument.data());
  argv.push_back(nullptr);

  int pipe[2] = {-1, -1};
  EXPECT_EQ(pipe2(pipe, O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, folder_.PathOf("stderr").c_str(),
                                   O_WRONLY | O_CREAT | O_TRUNC, 0600);
  EXPECT_EQ(posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0) << argv[0];
  posix_spawn_file_actions_destroy(&actions);
  close(pipe[1]);
  stdout_ = pipe[0];
}

ServerProcess::~ServerProcess() {
  if (!status_.has_value()) {
    Signal(SIGKILL);
    Wait();
  }
  close(stdout_);
}

std::string ServerProcess::Address() {
  std::string line;
  for (char c = 0; read(stdout_, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

std::string ServerProcess::StandardOutput() {
  std::string text;
  for (char c = 0; read(stdout_, &c, 1) == 1;) text += c;
  return text;
}

void ServerProcess::Signal(int signal) const { kill(pid_, signal); }

int ServerProcess::Wait() {
  if (!status_.has_value()) {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  return *status_;
}

std::optional<int> ServerProcess::WaitFor(std::chrono::milliseconds limit) {
  if (!status_.has_value()) {
    pollfd process = {
        .fd = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)), .events = POLLIN, .revents = 0};
    const int ended = poll(&process, 1, static_cast<int>(limit.count()));
    close(process.fd);
    if (ended != 1) return std::nullopt;
  }
  return Wait();
}

std::string ServerProcess::StandardError() const {
  std::ostringstream text;
  text << std::ifstream(folder_.PathOf("stderr")).rdbuf();
  return text.str();
}

}  // namespace cascade::testing
