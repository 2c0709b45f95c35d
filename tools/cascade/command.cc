// SPDX-License-Identifier: Apache-2.0

#include "tools/cascade/command.h"

#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace cascade::cli {
namespace {

std::string HelpText(const Command::Description& about, const Flags& flags) {
  return absl::StrCat("cascade ", about.name, " [flags]", about.arguments.empty() ? "" : " ",
                      about.arguments, "\n\n", about.summary, "\n", about.details, "\n",
                      flags.Help());
}

void TakeFromEnvironment(const char* name, std::string& value) {
  // Nobody else reads or writes the environment.  NOLINTNEXTLINE(concurrency-mt-unsafe)
  const char* const found = std::getenv(name);
  if (found != nullptr) value = found;
}

// Where a server on this machine is that took its --listen from the same environment, as in a
// container: at the first of its addresses. Empty if the server chose its port itself.
std::string AddressOfListener(absl::string_view listen) {
  const absl::string_view first = listen.substr(0, listen.find(','));
  if (absl::StartsWith(first, "unix:")) return std::string(first);
  if (absl::EndsWith(first, ":0")) return "";
  for (const absl::string_view every_interface : {"0.0.0.0:", "[::]:"}) {
    absl::string_view port = first;
    if (absl::ConsumePrefix(&port, every_interface)) return absl::StrCat("localhost:", port);
  }
  return std::string(first);
}

// Where the server is if no flag says so.
void TakeServerFromEnvironment(std::string& server) {
  std::string listen;
  TakeFromEnvironment("CASCADE_LISTEN", listen);
  const std::string address = AddressOfListener(listen);
  if (!address.empty()) server = address;
  TakeFromEnvironment("CASCADE_SERVER", server);
}

// What people write instead of HOST:PORT. gRPC would take each of these for a host's name, and say
// that it does not exist. Its own schemes (dns:, unix:, ipv4:) have no "//", or an empty host
// behind it.
constexpr absl::string_view kSchemesOfUrls[] = {"http://", "https://", "grpc://", "grpcs://",
                                                "tcp://"};

absl::Status CheckServer(absl::string_view server) {
  for (const absl::string_view scheme : kSchemesOfUrls) {
    absl::string_view rest = server;
    if (!absl::ConsumePrefix(&rest, scheme)) continue;
    const bool is_tls = absl::EndsWith(scheme, "s://");
    return absl::InvalidArgumentError(
        absl::StrCat("--server=", server, ": a server speaks gRPC and has no URL; write --server=",
                     rest.substr(0, rest.find('/')), is_tls ? ", and --tls for TLS" : ""));
  }
  const bool is_bracketed = absl::EndsWith(server, "]");
  if (!is_bracketed && absl::StrContains(server, ':') && !absl::EndsWith(server, ":")) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--server=", server,
                   ": has no port; write --server=", absl::StripSuffix(server, ":"), ":50051"));
}

absl::Status CheckServers(const CallOptions& options) {
  const std::vector<std::string> servers = ServersOf(options);
  if (servers.empty()) {
    return absl::InvalidArgumentError(
        "--server: names no server, such as localhost:50051 (nor does CASCADE_SERVER)");
  }
  absl::Status status;
  for (const std::string& server : servers) status.Update(CheckServer(server));  // keeps the first
  return status;
}

// What a file of TLS needs beside it; and whether the files can be read.
absl::Status CheckTls(CallOptions& options) {
  if (options.client_cert.empty() != options.client_key.empty()) {
    return absl::InvalidArgumentError("--client_cert and --client_key need each other");
  }
  options.tls |= !options.ca.empty() || !options.client_cert.empty();
  return ReadCredentials(options).status();
}

}  // namespace

ExitCode Command::UsageError(absl::string_view message, Console& console) const {
  const absl::string_view name = description().name;
  console.Complain(
      absl::StrCat(name, ": ", message, "\nRun `cascade ", name, " --help` for its flags."));
  return ExitCode::kUsage;
}

Flags FlagsOf(Command& command, CommonValues& values) {
  CallOptions& options = values.call;
  Flags flags;
  flags.BeginGroup("Flags");
  command.AddFlags(flags);
  if (command.description().calls_server) {
    flags.BeginGroup("The server");
    flags.Add(
        "server", "HOST:PORT",
        "where the server is ($CASCADE_SERVER, else where $CASCADE_LISTEN lets it listen, else "
        "localhost:50051); several, with commas between: if one fails in the middle of an answer, "
        "the next one goes on with it",
        &options.server);
    flags.Add("tls", "", "speak TLS, as --ca and --client_cert imply ($CASCADE_TLS)", &options.tls);
    flags.Add("ca", "FILE",
              "with TLS, trust these authorities, in PEM ($CASCADE_CA, else the system's)",
              &options.ca);
    flags.Add("client_cert", "FILE", "with TLS, the client's certificate ($CASCADE_CLIENT_CERT)",
              &options.client_cert);
    flags.Add("client_key", "FILE", "and its private key ($CASCADE_CLIENT_KEY)",
              &options.client_key);
    flags.Add("token_file", "FILE", "show the bearer token in this file ($CASCADE_TOKEN_FILE)",
              &options.token_file);
    options.timeout = command.description().timeout;
    flags.Add("timeout", "TIME",
              absl::StrCat("give up a call after this long, such as 30s or 2m; 0 is never (",
                           absl::FormatDuration(options.timeout), ")"),
              &options.timeout);
  }
  flags.BeginGroup("Every command");
  flags.Add("json", "", "print the answer as JSON, one object a line", &options.json);
  flags.Add("help", "", "print this", &values.help);
  return flags;
}

ExitCode RunCommand(Command& command, std::span<const std::string> args, Console& console) {
  CommonValues values;
  CallOptions& options = values.call;
  TakeServerFromEnvironment(options.server);
  TakeFromEnvironment("CASCADE_CA", options.ca);
  TakeFromEnvironment("CASCADE_CLIENT_CERT", options.client_cert);
  TakeFromEnvironment("CASCADE_CLIENT_KEY", options.client_key);
  TakeFromEnvironment("CASCADE_TOKEN_FILE", options.token_file);
  std::string tls;
  TakeFromEnvironment("CASCADE_TLS", tls);
  options.tls = !tls.empty() && tls != "0" && tls != "false";
  const Flags flags = FlagsOf(command, values);
  const absl::StatusOr<std::vector<std::string>> arguments = flags.Parse(args);
  if (!arguments.ok()) return command.UsageError(arguments.status().message(), console);
  if (options.timeout < absl::ZeroDuration()) {
    return command.UsageError("--timeout: must not be negative", console);
  }
  if (command.description().calls_server && !values.help) {
    absl::Status status = CheckServers(options);
    if (status.ok()) status = CheckTls(options);
    if (!status.ok()) {
      return command.UsageError(status.message(), console);
    }
  }
  for (const Flags::Flag& flag : flags.all()) {
    if (!flag.is_switch) options.value_flags.push_back(flag.name);
  }
  if (options.timeout == absl::ZeroDuration()) options.timeout = absl::InfiniteDuration();
  if (values.help) {
    console.out << HelpText(command.description(), flags);
    return ExitCode::kOk;
  }
  const ExitCode code = command.Run(*arguments, options, console);
  if (code == ExitCode::kOk && !console.out) {
    console.Complain("standard output cannot be written");
    return ExitCode::kFailed;
  }
  return code;
}

}  // namespace cascade::cli
