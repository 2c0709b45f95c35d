// SPDX-License-Identifier: Apache-2.0
// Recognizes files that often lie where a model's file should be.
#pragma once

#include <cstddef>
#include <string>
#include <system_error>

#include "absl/strings/string_view.h"

namespace cascade::model {

// How many bytes of a file DescribeForeignFile looks at.
inline constexpr std::size_t kFileKindBytes = 512;

// What a file that begins with `begin` is, and what to do about it, for the end of a message: "a
// Git LFS pointer, not the file itself: run `git lfs pull` in the model's folder". Knows Git LFS
// pointers, pages and error messages of web servers, archives, weights in other formats, text in
// UTF-16, and zeros. Empty for all else.
std::string DescribeForeignFile(absl::string_view begin);

// For the end of a message about a file that is not there: "PATH is a link to TARGET, which is not
// there", or empty if the path is no such link. Says what to do about a link of the Hub's cache.
std::string DanglingLink(const std::string& path);

// For the end of a message about a file or folder that reading failed for: "cannot be read:
// Permission denied (user 10001)". `error` may be none, if nothing is known of why.
std::string NotReadable(const std::error_code& error);

}  // namespace cascade::model
