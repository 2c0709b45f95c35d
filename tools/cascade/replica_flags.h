// SPDX-License-Identifier: Apache-2.0
// Flags of commands that generate, for several servers of the same model.
#pragma once

#include "absl/time/time.h"
#include "tools/cascade/connection.h"
#include "tools/cascade/flags.h"

namespace cascade::cli {

class ReplicaFlags {
 public:
  void AddTo(Flags& flags) {
    flags.BeginGroup("Several servers");
    flags.Add(
        "by_prefix", "",
        "ask the server that prompts with this beginning go to, and so finds it in its prefix "
        "cache, rather than each in turn",
        &by_prefix_);
    flags.Add("hedge_after", "TIME",
              "if no token has come by then, ask a second server, too; who is first goes on",
              &hedge_after_);
  }

  void Fill(CallOptions& options) const {
    options.by_prefix = by_prefix_;
    options.hedge_after = hedge_after_;
  }

 private:
  bool by_prefix_ = false;
  absl::Duration hedge_after_ = absl::InfiniteDuration();
};

}  // namespace cascade::cli
