// SPDX-License-Identifier: Apache-2.0
// Abuse of HTTP/2 itself. Nobody answers for what happens to the attacker's own connection.
#include "tests/hostile/http2.h"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cascade/v1/text_generation.pb.h"
#include "tests/hostile/hostile.h"
#include "tests/hostile/http2_connection.h"

namespace cascade::testing {
namespace {

using http2::FrameType;
using std::chrono::steady_clock;

constexpr char kGenerateStream[] = "/cascade.v1.TextGeneration/GenerateStream";
constexpr char kTokenize[] = "/cascade.v1.TextGeneration/Tokenize";

class HostileHttp2 : public Hostile {
 protected:
  // Makes one connection after another until `until`. Each begins with a preface and is closed when
  // `attack` returns.
  void WithConnections(Time until, const std::function<void(Http2Connection&)>& attack) {
    while (steady_clock::now() < until) {
      Http2Connection connection(address());
      if (connection.Send(http2::Preface(), until)) attack(connection);
    }
  }

  // Sends `opening`, then `more` again and again until the connection ends or `until`.
  void Flood(Time until, const std::string& opening, const std::string& more) {
    WithConnections(until, [&](Http2Connection& connection) {
      bool sent = connection.Send(opening, until);
      while (sent && steady_clock::now() < until) sent = connection.Send(more, until);
    });
  }
};

std::string Repeat(const std::string& text, std::size_t times) {
  std::string repeated;
  for (std::size_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

std::string OpenHeaders(const std::string& fields) {
  return http2::Frame(FrameType::kHeaders, 0, 1,
                      absl::StrCat(http2::CallFields(kTokenize), fields));
}

std::string Continuation(const std::string& fields) {
  return http2::Frame(FrameType::kContinuation, 0, 1, fields);
}

// One byte each for fields of 4 KB.
TEST_F(HostileHttp2, ABombOfCompressedHeaders) {
  Serve();
  Attack([&](Time until) {
    Flood(until, OpenHeaders(http2::KeptField("x-bomb", std::string(3900, 'b'))),
          Continuation(
              Repeat(http2::IndexedField(http2::kFirstDynamicIndex), http2::kMaxPayloadBytes)));
  });
  End("HPACK bomb");
}

TEST_F(HostileHttp2, HeadersThatNeverEnd) {
  Serve();
  Attack([&](Time until) {
    Flood(until, OpenHeaders(""), Continuation(http2::Field("x-more", std::string(16000, 'm'))));
  });
  End("CONTINUATION without END_HEADERS");
}

TEST_F(HostileHttp2, EmptyContinuationsThatNeverEnd) {
  BystandersMayBeCut();
  Serve();
  Attack([&](Time until) { Flood(until, OpenHeaders(""), Repeat(Continuation(""), 1000)); });
  End("empty CONTINUATION");
}

TEST_F(HostileHttp2, AHeaderStringThatNeverEnds) {
  BystandersMayBeCut();  // by the quota of gRPC 1.83
  BystandersMayBeRefused();
  Serve();
  Attack([&](Time until) {
    Flood(until, OpenHeaders(http2::FieldWithoutValue("x-endless", std::uint64_t{1} << 31)),
          Continuation(std::string(http2::kMaxPayloadBytes, 'e')));
  });
  End("endless header string");
}

TEST_F(HostileHttp2, CallsThatAreResetAtOnce) {
  Serve();
  BystandersMayBeRefused();
  v1::GenerateRequest request;
  request.set_text("Once");
  const std::string message = request.SerializeAsString();
  Attack([&](Time until) {
    WithConnections(until, [&](Http2Connection& connection) {
      std::uint32_t stream = 1;
      while (connection.open() && steady_clock::now() < until) {
        std::string calls;
        for (int i = 0; i < 100; ++i, stream += 2) {
          absl::StrAppend(
              &calls, http2::Call(stream, kGenerateStream, message),
              http2::Frame(FrameType::kRstStream, 0, stream, std::string("\0\0\0\x8", 4)));
        }
        if (!connection.Send(calls, until)) return;
        connection.ReadWhatIsThere();
      }
    });
  });
  End("rapid reset");
}

TEST_F(HostileHttp2, PingsWhoseAnswersNobodyReads) {
  Serve();
  Attack([&](Time until) {
    Flood(until, "", Repeat(http2::Frame(FrameType::kPing, 0, 0, "12345678"), 1000));
  });
  End("PING flood");
}

TEST_F(HostileHttp2, SettingsWhoseAnswersNobodyReads) {
  Serve();
  const auto settings = [](std::uint32_t table_size) {
    return http2::Frame(FrameType::kSettings, 0, 0,
                        http2::Setting(http2::kHeaderTableSize, table_size));
  };
  Attack([&](Time until) { Flood(until, "", Repeat(settings(0) + settings(4096), 500)); });
  End("SETTINGS flood");
}

TEST_F(HostileHttp2, StreamsWithoutAWindow) {
  Serve();
  BystandersMayBeRefused();
  v1::GenerateRequest request;
  request.set_text("Once upon a time");
  const std::string message = request.SerializeAsString();
  Attack([&](Time until) {
    Http2Connection connection(address());
    connection.Send(http2::Preface(/*initial_window=*/0), until);
    for (std::uint32_t i = 0; i < 400; ++i) {
      if (!connection.Send(http2::Call(2 * i + 1, kGenerateStream, message), until)) break;
      connection.ReadWhatIsThere();
    }
    connection.ReadToEndOf(0, until);  // which has no end: until the attack's
  });
  End("400 streams without a window");
}

TEST_F(HostileHttp2, WindowsThatOverflow) {
  Serve();
  constexpr std::uint32_t kLargest = 0x7fffffff;
  v1::GenerateRequest request;
  request.set_text("Once upon a time");
  const std::string call = http2::Call(1, kGenerateStream, request.SerializeAsString());
  Attack([&](Time until) {
    WithConnections(until, [&](Http2Connection& connection) {
      connection.Send(
          absl::StrCat(call, http2::WindowUpdate(1, kLargest), http2::WindowUpdate(1, kLargest)),
          until);
      connection.Send(Repeat(http2::WindowUpdate(0, kLargest), 3), until);
      connection.ReadToEndOf(1, until);
    });
  });
  End("WINDOW_UPDATE overflow");
}

TEST_F(HostileHttp2, WhatIsNotHttp2) {
  Serve();
  Attack([&](Time until) {
    while (steady_clock::now() < until) {
      Http2Connection connection(address());
      connection.Send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", until);
      connection.ReadToEndOf(1, until);
    }
  });
  End("bad preface");
}

TEST_F(HostileHttp2, HandshakesThatStopHalfWay) {
  Serve();
  Attack([&](Time until) {
    const std::string preface = http2::Preface();
    std::vector<std::unique_ptr<Http2Connection>> connections;
    for (std::size_t i = 0; i < 200; ++i) {
      connections.push_back(std::make_unique<Http2Connection>(address()));
      connections.back()->Send(preface.substr(0, i % preface.size()), until);
    }
    connections.front()->ReadToEndOf(1, until);
  });
  End("200 half handshakes");
}

}  // namespace
}  // namespace cascade::testing
