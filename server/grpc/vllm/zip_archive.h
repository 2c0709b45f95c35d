// SPDX-License-Identifier: Apache-2.0
// Zip archives, written.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cascade::server {

// The archive of `files`, names and contents, as they are: nothing is compressed, which every
// reader of zip takes. The same files give the same bytes. REQUIRES: less than 4 GiB, and 65,535
// files at most.
std::string ZipArchive(const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace cascade::server
