// SPDX-License-Identifier: Apache-2.0

#include "server/options.h"

#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/reflection.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/cgroup.h"
#include "server/command_line.h"
#include "server/flag_values.h"
#include "server/help_text.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temp_dir.h"

namespace cascade::server {
namespace {

using ::cascade::testing::IsInvalid;
using ::cascade::testing::IsOk;
using ::cascade::testing::TempDir;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Parses a command line; the flags are as before afterwards.
absl::StatusOr<Options> Parse(std::vector<std::string> arguments) {
  const absl::FlagSaver saver;
  arguments.insert(arguments.begin(), "cascade-server");
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  return ParseOptions(static_cast<int>(argv.size()), argv.data());
}

TEST(OptionsTest, AModelIsAWholeCommandLine) {
  const absl::StatusOr<Options> options = Parse({"--model=/models/tales"});
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->model, "/models/tales");
  EXPECT_EQ(options->model_name, "tales");
  EXPECT_EQ(options->weights, std::nullopt);
  EXPECT_EQ(options->threads, 1U);
  EXPECT_FALSE(options->pin_threads);
  EXPECT_EQ(options->packed_weights_cache, "");
  EXPECT_EQ(options->kv_cache_bytes, std::nullopt);
  EXPECT_EQ(options->kv_cache_type, model::kernels::KvType::kF32);
  EXPECT_EQ(options->worker.max_running, 64U);
  EXPECT_EQ(options->worker.max_queued, 256U);
  EXPECT_EQ(options->worker.step_tokens, 128U);
  EXPECT_EQ(options->worker.max_queued_tokens, std::size_t{1} << 20);
  EXPECT_TRUE(options->worker.prefix_cache);
  EXPECT_EQ(options->worker.kept_prefix_events, 0U);  // prompts are told to nobody
  EXPECT_TRUE(options->report_cached_tokens);
  EXPECT_FALSE(options->worker.kv_overcommit);
  EXPECT_TRUE(options->worker.speculate);
  EXPECT_EQ(options->worker.priority_ageing, absl::Seconds(10));
  EXPECT_EQ(options->worker.stalled_reader_limit, absl::Seconds(30));
  EXPECT_EQ(options->max_priority, 0);
  EXPECT_EQ(options->worker_hang, absl::Seconds(60));
  EXPECT_TRUE(options->use_generation_config);
  EXPECT_EQ(options->simd, "auto");
  EXPECT_THAT(options->listen.addresses, ElementsAre("localhost:50051"));
  EXPECT_EQ(options->listen.unix_socket_mode, 0600U);
  EXPECT_EQ(options->listen.max_connections, std::nullopt);
  EXPECT_EQ(options->listen.max_connections_per_peer, std::nullopt);
  EXPECT_EQ(options->listen.handshake, absl::Seconds(20));
  EXPECT_EQ(options->listen.idle_connection, absl::Minutes(30));
  EXPECT_EQ(options->drain, absl::Seconds(20));
  EXPECT_EQ(options->log.level, LogLevel::kInfo);
  EXPECT_EQ(options->log.format, isatty(STDERR_FILENO) == 1 ? LogFormat::kText : LogFormat::kJson);
}

TEST(OptionsTest, AStepHasRoomForTwiceWhatRuns) {
  const auto step_tokens = [](const std::string& max_running) {
    return Parse({"--model=m", "--max_running=" + max_running}).value().worker.step_tokens;
  };
  EXPECT_EQ(step_tokens("1"), 128U);
  EXPECT_EQ(step_tokens("100"), 200U);
  EXPECT_EQ(step_tokens("16384"), 16384U);
}

TEST(OptionsTest, TakesEveryFlag) {
  const absl::StatusOr<Options> options = Parse({"--model=m",
                                                 "--model_name=n",
                                                 "--listen=[::]:80,unix:/run/s",
                                                 "--unix_socket_mode=0660",
                                                 "--max_connections=40",
                                                 "--max_connections_per_peer=30",
                                                 "--handshake_seconds=2",
                                                 "--idle_connection_seconds=0",
                                                 "--connection_age_seconds=60",
                                                 "--connection_grace_seconds=61",
                                                 "--weights=int8",
                                                 "--activations=int8",
                                                 "--threads=4",
                                                 "--pin_threads",
                                                 "--packed_weights_cache=/var/cache",
                                                 "--kv_cache_bytes=2GiB",
                                                 "--kv_cache_type=f16",
                                                 "--max_running=3",
                                                 "--max_queued=0",
                                                 "--step_tokens=3",
                                                 "--max_queued_tokens=9",
                                                 "--prefix_cache=false",
                                                 "--kv_events",
                                                 "--report_cached_tokens=false",
                                                 "--kv_overcommit",
                                                 "--nospeculate",
                                                 "--max_priority=7",
                                                 "--priority_ageing_seconds=5",
                                                 "--stalled_reader_seconds=6",
                                                 "--worker_hang_seconds=8",
                                                 "--generation_config=none",
                                                 "--simd=scalar",
                                                 "--drain_seconds=0",
                                                 "--otlp_endpoint=https://collector:4317",
                                                 "--trace_ratio=0.25",
                                                 "--log_level=warning",
                                                 "--log_format=json"});
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->model_name, "n");
  EXPECT_THAT(options->listen.addresses, ElementsAre("[::]:80", "unix:/run/s"));
  EXPECT_EQ(options->listen.unix_socket_mode, 0660U);
  EXPECT_EQ(options->listen.max_connections, 40U);
  EXPECT_EQ(options->listen.max_connections_per_peer, 30U);
  EXPECT_EQ(options->listen.handshake, absl::Seconds(2));
  EXPECT_EQ(options->listen.idle_connection, absl::ZeroDuration());
  EXPECT_EQ(options->listen.connection_age, absl::Seconds(60));
  EXPECT_EQ(options->listen.connection_grace, absl::Seconds(61));
  EXPECT_EQ(options->weights, model::kernels::WeightType::kInt8);
  EXPECT_EQ(options->activations, model::kernels::ActivationType::kInt8);
  EXPECT_EQ(options->threads, 4U);
  EXPECT_TRUE(options->pin_threads);
  EXPECT_EQ(options->packed_weights_cache, "/var/cache");
  EXPECT_EQ(options->kv_cache_bytes, std::uint64_t{2} << 30);
  EXPECT_EQ(options->kv_cache_type, model::kernels::KvType::kF16);
  EXPECT_EQ(options->worker.max_running, 3U);
  EXPECT_EQ(options->worker.max_queued, 0U);
  EXPECT_EQ(options->worker.step_tokens, 3U);
  EXPECT_EQ(options->worker.max_queued_tokens, 9U);
  EXPECT_FALSE(options->worker.prefix_cache);
  EXPECT_GT(options->worker.kept_prefix_events, 0U);
  EXPECT_FALSE(options->report_cached_tokens);
  EXPECT_TRUE(options->worker.kv_overcommit);
  EXPECT_FALSE(options->worker.speculate);
  EXPECT_EQ(options->worker.priority_ageing, absl::Seconds(5));
  EXPECT_EQ(options->worker.stalled_reader_limit, absl::Seconds(6));
  EXPECT_EQ(options->max_priority, 7);
  EXPECT_EQ(options->worker_hang, absl::Seconds(8));
  EXPECT_FALSE(options->use_generation_config);
  EXPECT_EQ(options->simd, "scalar");
  EXPECT_EQ(options->drain, absl::ZeroDuration());
  ASSERT_TRUE(options->tracing.endpoint.has_value());
  EXPECT_EQ(options->tracing.endpoint->target, "collector:4317");
  EXPECT_EQ(options->tracing.ratio, 0.25);
  EXPECT_EQ(options->log.level, LogLevel::kWarning);
  EXPECT_EQ(options->log.format, LogFormat::kJson);
}

TEST(OptionsTest, NamesTheModelAfterItsFolder) {
  EXPECT_EQ(Parse({"--model=/models/tales/"})->model_name, "tales");
  EXPECT_EQ(Parse({"--model=/models/tales/."})->model_name, "tales");
  EXPECT_EQ(Parse({"--model=tales"})->model_name, "tales");
}

TEST(OptionsTest, WeightsMayBeOfEveryType) {
  for (const auto type : model::kernels::kWeightTypes) {
    const auto options =
        Parse({"--model=m", "--weights=" + std::string(model::kernels::Name(type))});
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->weights, type);
  }
  EXPECT_EQ(Parse({"--model=m", "--weights=auto"})->weights, std::nullopt);
}

TEST(OptionsTest, ActivationsMayBeOfEveryType) {
  for (const auto type : model::kernels::kActivationTypes) {
    const auto options =
        Parse({"--model=m", "--activations=" + std::string(model::kernels::Name(type))});
    ASSERT_TRUE(options.ok()) << options.status();
    EXPECT_EQ(options->activations, type);
  }
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{}, {"--activations=auto"}, {"--weights=int8"}}) {
    std::vector<std::string> flags = {"--model=m"};
    flags.insert(flags.end(), more.begin(), more.end());
    EXPECT_EQ(Parse(flags)->activations, model::kernels::ActivationType::kF32);
  }
}

TEST(OptionsTest, Int8ActivationsNeedIntegerWeights) {
  const auto options = Parse({"--model=m", "--weights=bf16", "--activations=int8"});
  ASSERT_FALSE(options.ok());
  EXPECT_THAT(options.status().message(),
              HasSubstr("--activations=int8 needs --weights=int8 or int4, not bf16"));
}

TEST(OptionsTest, ThreadsMayBeAsManyAsThereAreCpus) {
  EXPECT_EQ(Parse({"--model=m", "--threads=auto"})->threads, CpuLimit());
}

TEST(OptionsTest, TheModelIsRequired) { EXPECT_THAT(Parse({}), IsInvalid({"--model is missing"})); }

TEST(OptionsTest, RefusesAnArgumentThatIsNoFlag) {
  EXPECT_THAT(Parse({"--model=m", "models/tales"}), IsInvalid({"'models/tales'", "--name=value"}));
}

TEST(OptionsTest, AFlagMayBeWrittenAsTheClientsAre) {
  const absl::StatusOr<Options> options =
      Parse({"--model", "-m", "-max-queued=7", "--no-speculate", "--prefix-cache=FALSE"});
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->model, "-m");
  EXPECT_EQ(options->worker.max_queued, 7U);
  EXPECT_FALSE(options->worker.speculate);
  EXPECT_FALSE(options->worker.prefix_cache);
}

TEST(OptionsTest, SaysWhichFlagThereIsInsteadOfOneThatThereIsNot) {
  EXPECT_THAT(Parse({"--modle=m"}),
              IsInvalid({"there is no flag --modle; is it --model? `cascade-server --help`"}));
  EXPECT_THAT(Parse({"--model=m", "--maxqueued", "7"}), IsInvalid({"is it --max_queued?"}));
  EXPECT_THAT(Parse({"--model=m", "--no-model"}), IsInvalid({"there is no flag --no_model"}));
  EXPECT_THAT(
      Parse({"--model=m", "--colour=red"}),
      IsInvalid({"there is no flag --colour; `cascade-server --help` explains every flag"}));
  EXPECT_THAT(Parse({"--model=m", "--speculate=perhaps"}),
              IsInvalid({"--speculate=perhaps: must be true or false"}));
}

TEST(OptionsTest, AFlagWithoutItsValueIsTold) {
  EXPECT_THAT(Parse({"--model=m", "--threads"}), IsInvalid({"--threads: needs a value"}));
}

TEST(OptionsTest, FilesOfFlagsStandInTheirPlace) {
  const TempDir folder;
  const std::string inner = folder.PathOf("inner");
  const std::string outer = folder.PathOf("outer");
  std::ofstream(inner) << "--max-queued=3\r\n\n  # a comment\n\t--no-speculate";
  std::ofstream(outer) << "--max_queued=2\n--flagfile=" << inner << "\n--max_running=5\n";
  const absl::StatusOr<Options> options = Parse(
      {"--model=m", "--max_running=4", "--flagfile", outer + "," + inner, "--prefix_cache=0"});
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->worker.max_queued, 3U);
  EXPECT_EQ(options->worker.max_running, 5U);
  EXPECT_FALSE(options->worker.speculate);
  EXPECT_FALSE(options->worker.prefix_cache);
}

// As on the command line, and where.
TEST(OptionsTest, SaysWhichLineOfAFileOfFlagsIsWrong) {
  const TempDir folder;
  const std::string file = folder.PathOf("flags");
  const auto parse = [&file](const std::string& lines) {
    std::ofstream(file) << "# flags\n" << lines;
    return Parse({"--model=m", "--flagfile=" + file});
  };
  EXPECT_THAT(parse("--threads=1\n--modle=m"),
              IsInvalid({file + ":3: there is no flag --modle; is it --model? `cascade-server"}));
  EXPECT_THAT(parse("--speculate=perhaps"),
              IsInvalid({file + ":2: --speculate=perhaps: must be true or false"}));
  EXPECT_THAT(parse("--threads\n2"), IsInvalid({file + ":2: --threads: needs a value"}));
  for (const std::string line : {"threads=2", "--", "-"}) {
    EXPECT_THAT(parse(line), IsInvalid({absl::StrCat(file, ":2: unexpected line '", line, "'")}));
  }
  EXPECT_THAT(parse("\xEF\xBB\xBF--threads=2"),
              IsInvalid({file + ":2: unexpected line '\\xef\\xbb\\xbf--threads=2'"}));
  EXPECT_THAT(parse(std::string("--model=m\0--threads=2", 21)),
              IsInvalid({file + ":2: a null byte"}));
  EXPECT_THAT(parse("--flagfile=" + file), IsInvalid({file + ":2: --flagfile=", "reads itself"}));
  const std::string inner = folder.PathOf("inner");
  std::ofstream(inner) << "--modle=m\n";
  EXPECT_THAT(parse("--flagfile=" + inner),
              IsInvalid({absl::StrCat(file, ":2: ", inner, ":1: there is no flag --modle")}));
  EXPECT_THAT(Parse({"--model=m", "--flagfile=" + folder.PathOf("none")}),
              IsInvalid({"/none: cannot be read"}));
  EXPECT_THAT(Parse({"--model=m", "--flagfile=" + folder.path()}), IsInvalid({"cannot be read"}));
}

TEST(OptionsTest, SaysWhichFlagIsWrongAndWhatIsAllowed) {
  const struct {
    std::string flag;
    std::vector<std::string> message;
  } cases[] = {
      {"--listen=50051", {"--listen", "'50051'", "HOST:PORT"}},
      {"--listen=", {"--listen", "''", "HOST:PORT"}},
      {"--listen=localhost:1,nowhere", {"--listen", "'nowhere'", "HOST:PORT"}},
      {"--unix_socket_mode=rw", {"--unix_socket_mode=rw", "octal", "0777"}},
      {"--unix_socket_mode=1777", {"--unix_socket_mode=1777", "octal", "0777"}},
      {"--max_connections=0", {"--max_connections=0", "auto", "from 1 to 1000000"}},
      {"--max_connections_per_peer=x", {"--max_connections_per_peer=x", "from 1 to 1000000"}},
      {"--otlp_endpoint=collector", {"--otlp_endpoint: 'collector'", "as in localhost:4317"}},
      {"--trace_ratio=1.5", {"--trace_ratio=1.5: must be a number from 0 to 1"}},
      {"--trace_ratio=nan", {"--trace_ratio=nan: must be a number from 0 to 1"}},
      {"--handshake_seconds=0", {"--handshake_seconds=0", "from 1 to 86400"}},
      {"--connection_age_seconds=1e3", {"--connection_age_seconds=1e3", "from 0 to 86400"}},
      {"--connection_grace_seconds=0", {"--connection_grace_seconds=0", "from 1 to 86400"}},
      {"--idle_connection_seconds=-1", {"--idle_connection_seconds=-1", "from 0 to 86400"}},
      {"--weights=int9", {"--weights=int9", "one of auto, f32, bf16, f16, int8, int4"}},
      {"--threads=0", {"--threads=0", "1 to 1024"}},
      {"--threads=many", {"--threads=many", "auto"}},
      {"--activations=int4", {"--activations=int4", "one of auto, f32, int8"}},
      {"--kv_cache_type=int4", {"--kv_cache_type=int4", "one of f32, bf16, f16, int8"}},
      {"--tokenizer=", {"--tokenizer=", "auto, none or a folder"}},
      {"--memory_bytes=63MiB", {"--memory_bytes=63MiB", "64MiB"}},
      {"--memory_bytes=half", {"--memory_bytes=half", "512M"}},
      {"--call_memory_bytes=5", {"--call_memory_bytes=5", "16MiB"}},
      {"--kv_cache_bytes=1GB", {"--kv_cache_bytes=1GB", "2GiB", "no GB"}},
      {"--max_running=0", {"--max_running=0", "from 1 to 16384"}},
      {"--step_tokens=16385", {"--step_tokens=16385", "from 1 to 16384"}},
      {"--max_queued=-1", {"--max_queued=-1", "from 0 to 1000000"}},
      {"--max_queued_tokens=0", {"--max_queued_tokens=0", "from 1 to 1000000000"}},
      {"--max_priority=-1", {"--max_priority=-1", "from 0 to 1000"}},
      {"--priority_ageing_seconds=0", {"--priority_ageing_seconds=0", "from 1 to 86400"}},
      {"--stalled_reader_seconds=0", {"--stalled_reader_seconds=0", "from 1 to 86400"}},
      {"--worker_hang_seconds=0", {"--worker_hang_seconds=0", "from 1 to 86400"}},
      {"--generation_config=file", {"--generation_config=file", "auto, none"}},
      {"--simd=sse", {"--simd=sse", "auto, avx512, avx2, neon, scalar"}},
      {"--drain_seconds=-1", {"--drain_seconds=-1", "from 0 to 86400"}},
      {"--drain_seconds=5s", {"--drain_seconds=5s", "a number of seconds from 0 to 86400"}},
      {"--max_running=many", {"--max_running=many", "a number from 1 to 16384"}},
      {"--max_running=9999999999", {"--max_running=9999999999", "a number from 1 to 16384"}},
      {"--tls_cert=c", {"--tls_cert and --tls_key need each other"}},
      {"--tls_key=k", {"--tls_cert and --tls_key need each other"}},
      {"--tls_client_ca=a", {"--tls_client_ca asks clients", "--tls_cert"}},
      {"--metrics_address=nowhere", {"--metrics_address", "'nowhere' is not HOST:PORT"}},
      {"--metrics_aliases=all", {"--metrics_aliases=all", "none, vllm"}},
      {"--log_level=loud", {"--log_level=loud", "debug, info, warning, error, off"}},
      {"--log_format=xml", {"--log_format=xml", "auto, text, json"}},
  };
  for (const auto& c : cases) EXPECT_THAT(Parse({"--model=m", c.flag}), IsInvalid(c.message));
}

TEST(OptionsTest, HelpHasEveryFlagOfThisProgram) {
  int flags = 0;
  for (const auto& [name, flag] : absl::GetAllFlags()) {
    if (!absl::EndsWith(flag->Filename(), "server/flags.cc")) continue;
    const std::string value = flag->DefaultValue();
    const std::string head =
        absl::StrCat("\n  --", name, value.empty() ? "" : absl::StrCat("=", value), "\n");
    EXPECT_THAT(HelpText(), HasSubstr(head));
    EXPECT_EQ(HelpText().find(head), HelpText().rfind(head)) << name << " is in two groups";
    ++flags;
  }
  EXPECT_GE(flags, 22);
}

TEST(OptionsTest, HelpMayBeAskedForAnywhereButAfterTheFlags) {
  const auto wants = [](std::vector<std::string> arguments) {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    return WantsHelp(static_cast<int>(argv.size()), argv.data());
  };
  EXPECT_TRUE(wants({"server", "--help"}));
  EXPECT_TRUE(wants({"server", "--model=m", "-h"}));
  EXPECT_TRUE(wants({"server", "--helpfull"}));
  EXPECT_FALSE(wants({"server", "--model=m"}));
  EXPECT_FALSE(wants({"server", "--", "--help"}));
}

TEST(OptionsTest, ReadsSizes) {
  EXPECT_EQ(*ParseByteSize("1"), 1U);
  EXPECT_EQ(*ParseByteSize("7B"), 7U);
  EXPECT_EQ(*ParseByteSize("64KiB"), 65536U);
  EXPECT_EQ(*ParseByteSize("64K"), 65536U);
  EXPECT_EQ(*ParseByteSize("1Gi"), std::uint64_t{1} << 30);
  EXPECT_EQ(*ParseByteSize("512M"), std::uint64_t{512} << 20);
  EXPECT_EQ(*ParseByteSize("256MiB"), 268435456U);
  EXPECT_EQ(*ParseByteSize("1TiB"), std::uint64_t{1} << 40);
}

TEST(OptionsTest, RefusesWhatIsNoSize) {
  for (const char* text :
       {"", "1i", "1iB", "i", "1KMiB", "1MK", "0", "-1", "+1", " 1", "1 MiB", "1.5GiB", "GiB",
        "1GB", "1mib", "99999999999TiB", "18446744073709551616"}) {
    EXPECT_THAT(ParseByteSize(text), IsInvalid({"is not a size"})) << text;
  }
}

}  // namespace
}  // namespace cascade::server
