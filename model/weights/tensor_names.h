// SPDX-License-Identifier: Apache-2.0
// The names that training tools give a GPT-2's tensors, brought to one form.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "model/weights/weight_files.h"

namespace cascade::model {

// The names of the modules that the GPT-2 of `entries` is wrapped in, each with its dot, as they
// stand before every name: "module._orig_mod.". Empty if there are none, if there are two wrapped
// models, or if a tensor of the GPT-2 is not wrapped.
std::string WrapperNames(const WeightFiles::Entries& entries);

// Renames the tensors of `files` to their canonical names (WeightFiles::Entries): takes off the
// names of modules that a tool has wrapped the whole model in ("_orig_mod." of torch.compile,
// "module." of DataParallel, "pretrained_model." of TRL, and any other, also several), and then
// "transformer.", GPT2LMHeadModel's own. A wrapper's name is taken off only if every tensor of the
// GPT-2 has it; what is beside the GPT-2 (a value head, say) need not. Errors as
// WeightFiles::Rename.
absl::Status UseCanonicalNames(WeightFiles& files);

}  // namespace cascade::model
