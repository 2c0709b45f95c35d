// SPDX-License-Identifier: Apache-2.0

#include "model/file_kind.h"

#include <unistd.h>

#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace cascade::model {
namespace {

struct Kind {
  absl::string_view begin;  // in lower case for those that are text
  absl::string_view what;
};

constexpr absl::string_view kBadDownload = ", as a failed download leaves it: download it again";
constexpr absl::string_view kOtherWeights =
    ": Cascade reads safetensors, which save_pretrained of transformers writes";

constexpr Kind kTexts[] = {
    {"version https://git-lfs",
     "a Git LFS pointer, not the file itself: run `git lfs pull` in the "
     "model's folder, or download it again"},
    {"<!doctype html", "an HTML page"},
    {"<html", "an HTML page"},
    {"<?xml", "an XML document"},
    {"<error>", "an XML document"},
    {"entry not found", "a web server's error message"},
    {"invalid username or password", "a web server's error message"},
    {"access to model", "a web server's error message"},
    {"repository not found", "a web server's error message"},
    {"not found", "a web server's error message"},
    {"404", "a web server's error message"},
};

constexpr Kind kWeights[] = {
    {{"PK\x03\x04", 4}, "a zip archive, as PyTorch's .bin and .pt files are"},
    {{"\x80\x02", 2}, "a Python pickle, as PyTorch's .bin and .pt files are"},
    {{"\x80\x04", 2}, "a Python pickle"},
    {{"GGUF", 4}, "a GGUF file"},
    {{"\x89HDF", 4}, "an HDF5 file, as TensorFlow's .h5 files are"},
    {{"\x93NUMPY", 6}, "a NumPy file"},
};

}  // namespace

std::string DescribeForeignFile(absl::string_view begin) {
  begin = begin.substr(0, kFileKindBytes);
  for (const Kind& kind : kWeights) {
    if (absl::StartsWith(begin, kind.begin)) return absl::StrCat(kind.what, kOtherWeights);
  }
  constexpr std::size_t kManyZeros = 64;
  if (begin.size() >= kManyZeros && begin.find_first_not_of('\0') == absl::string_view::npos) {
    return absl::StrCat("zeros", kBadDownload);
  }
  if (absl::StartsWith(begin, "\x1F\x8B")) return "a gzip archive: unpack it";
  if (absl::StartsWith(begin, "\xFF\xFE") || absl::StartsWith(begin, "\xFE\xFF")) {
    return "text in UTF-16: save it as UTF-8";
  }
  const std::string text = absl::AsciiStrToLower(absl::StripLeadingAsciiWhitespace(begin));
  for (const Kind& kind : kTexts) {
    if (!absl::StartsWith(text, kind.begin)) continue;
    return absl::StrCat(kind.what, &kind == kTexts ? "" : kBadDownload);
  }
  return "";
}

std::string DanglingLink(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_symlink(std::filesystem::symlink_status(path, error))) return "";
  if (std::filesystem::exists(path, error)) return "";
  const std::string target = std::filesystem::read_symlink(path, error).string();
  // Its snapshots are links to its blobs, which are left behind where a snapshot alone is copied or
  // mounted.
  const bool is_of_the_hub = absl::StrContains(target, "/blobs/");
  return absl::StrCat(path, " is a link to ", target, ", which is not there",
                      is_of_the_hub ? ": the Hugging Face Hub's cache has the files themselves; "
                                      "`hf download NAME --local-dir FOLDER` makes a folder "
                                      "without links"
                                    : "");
}

std::string NotReadable(const std::error_code& error) {
  return absl::StrCat(
      "cannot be read", error ? ": " : "", error ? error.message() : "",
      error == std::errc::permission_denied ? absl::StrCat(" (user ", geteuid(), ")") : "");
}

}  // namespace cascade::model
