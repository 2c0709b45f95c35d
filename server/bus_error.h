// SPDX-License-Identifier: Apache-2.0
// The last words of a process that reads a mapped file which is no longer there.
#pragma once

namespace cascade::server {

// From now on, SIGBUS for a part of a mapped file that cannot be read ends the process with one
// line on stderr and exit status 1. The packed weights and the program itself are the files that
// are mapped: the disk failed, or another process truncated one of them while this one was stopped
// and could not notice (model/weights/file_memory.h). Every other SIGBUS ends the process as it
// does without this function.
void ExplainBusErrors();

}  // namespace cascade::server
