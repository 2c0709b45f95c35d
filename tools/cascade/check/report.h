// SPDX-License-Identifier: Apache-2.0
// The ladder as text, as JSON and as a page.
#pragma once

#include <span>
#include <string>

#include "model/checkpoints/result.h"
#include "tools/cascade/check/subject.h"

namespace cascade::cli {

// What is checked, and the names of the columns that follow.
std::string TextHead(const CheckSubject& subject);

// One line: number, name, file, tolerance, measured error, verdict.
std::string TextLine(const model::CheckpointResult& result);

// What it all comes to: how many passed; or the element that failed, what to look at, and what was
// not measured for it.
std::string TextEnd(std::span<const model::CheckpointResult> results);

// One JSON object, and a newline. A tolerance of 0 means that every bit must agree.
std::string JsonLineOf(const model::CheckpointResult& result);

// An HTML page that needs no other file: the ladder, the last checkpoint on top, each rung with its
// error and its tolerance on a logarithmic scale (page.cc).
std::string LadderPage(const CheckSubject& subject,
                       std::span<const model::CheckpointResult> results);

// How the verdict is called everywhere: PASS, FAIL or "not measured".
std::string VerdictName(model::Verdict verdict);

// "4.8e-07", or how many elements are equal where every bit must agree; "-" if nothing was
// measured.
std::string MeasuredText(const model::CheckpointResult& result);

// "1e-05", "exact", or "works" for the checkpoint of the running server.
std::string ToleranceText(const model::Checkpoint& checkpoint);

}  // namespace cascade::cli
