// SPDX-License-Identifier: Apache-2.0

#include "server/environment.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cascade::server {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> UnknownOf(const std::vector<std::string>& names,
                                   const std::string& value = "value") {
  std::vector<std::string> entries;
  for (const std::string& name : names) entries.push_back(name + "=" + value);
  std::vector<const char*> environment;
  for (const std::string& entry : entries) environment.push_back(entry.c_str());
  environment.push_back(nullptr);
  return UnknownVariables(environment.data());
}

TEST(EnvironmentTest, AVariableThatSetsNoFlagIsToldWithTheNearest) {
  EXPECT_THAT(
      UnknownOf({"CASCADE_MAX_RUNING", "CASCADE_THREADS", "CASCADE_max_queued", "CASCADE_"}),
      ElementsAre("CASCADE_MAX_RUNING; is it CASCADE_MAX_RUNNING?",
                  "CASCADE_max_queued; is it CASCADE_MAX_QUEUED?", "CASCADE_"));
  EXPECT_THAT(UnknownOf({"CASCADE_TOKENFILE"}),
              ElementsAre("CASCADE_TOKENFILE; is it CASCADE_TOKEN_FILE?"));
  EXPECT_THAT(UnknownOf({"CASCADE_PORT"}, "50051"), ElementsAre("CASCADE_PORT"));
}

TEST(EnvironmentTest, OtherProgramsVariablesAreNotToldOf) {
  EXPECT_THAT(UnknownOf({"PATH", "CASCADES_MAX_RUNING", "CASCADE", "CASCADE_CA", "CASCADE_FLAGFILE",
                         "CASCADE_CLIENT_CERT", "CASCADE_CLIENT_KEY", "CASCADE_SERVER",
                         "CASCADE_TLS", "CASCADE_TOKEN_FILE"}),
              IsEmpty());
}

// https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
TEST(EnvironmentTest, WhatKubernetesSetsForServicesIsNotToldOf) {
  for (const std::string service : {"CASCADE", "CASCADE_HEADLESS", "CASCADE_MAX_QUEUED"}) {
    for (const char* end :
         {"_SERVICE_HOST", "_SERVICE_PORT", "_SERVICE_PORT_GRPC", "_SERVICE_PORT_HTTP_METRICS",
          "_PORT_50051_TCP", "_PORT_50051_TCP_PROTO", "_PORT_50051_TCP_PORT",
          "_PORT_50051_TCP_ADDR", "_PORT_53_UDP", "_PORT_53_UDP_PROTO", "_PORT_53_UDP_PORT",
          "_PORT_53_UDP_ADDR", "_PORT_9_SCTP", "_PORT_9_SCTP_PROTO", "_PORT_9_SCTP_PORT",
          "_PORT_9_SCTP_ADDR"}) {
      EXPECT_THAT(UnknownOf({service + end}), IsEmpty());
    }
    EXPECT_THAT(UnknownOf({service + "_PORT"}, "tcp://10.0.0.11:50051"), IsEmpty());
  }
}

}  // namespace
}  // namespace cascade::server
