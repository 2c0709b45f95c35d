// SPDX-License-Identifier: Apache-2.0

#include "model/source/folder_advice.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "model/file_kind.h"

namespace cascade::model {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNames = 500;

constexpr absl::string_view kSaveAgain =
    ", which are not read: save the model again as safetensors (save_pretrained of transformers)";
constexpr absl::string_view kRename =
    " holds weights under another name: call the file, or a link to it, model.safetensors";

constexpr absl::string_view kNoIndex =
    " holds a part of the weights: the list of the parts, model.safetensors.index.json, is missing";

// Weights in other formats, by the ends of their files' names.
struct Format {
  absl::string_view end;
  absl::string_view name;
};

constexpr Format kFormats[] = {
    {".gguf", "llama.cpp's"}, {".bin", "PyTorch's"},  {".bin.index.json", "PyTorch's"},
    {".pt", "PyTorch's"},     {".pth", "PyTorch's"},  {".ckpt", "PyTorch's or TensorFlow's"},
    {".h5", "TensorFlow's"},  {".msgpack", "Flax's"}, {".onnx", "ONNX's"},
    {".ot", "rust-bert's"},
};

// The names of what is in the folder, sorted; those that were read before an error.
std::vector<std::string> NamesIn(const std::string& folder, std::error_code& error) {
  std::vector<std::string> names;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    names.push_back(entry->path().filename().string());
    if (names.size() == kMostNames) break;
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsFolder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

bool Exists(const std::string& path) {
  std::error_code error;
  return fs::exists(path, error);
}

// The Hub's cache has "models--ORGANISATION--NAME/snapshots/HASH/", and there the model's files.
std::string DescribeCache(const std::string& folder, const std::vector<std::string>& names) {
  std::string model = folder;
  for (const std::string& name : names) {
    if (absl::StartsWith(name, "models--")) {
      model = absl::StrCat(folder, "/", name);
      break;
    }
  }
  const std::string snapshots = absl::StrCat(model, "/snapshots");
  if (!IsFolder(snapshots)) return "";
  std::error_code error;
  const std::vector<std::string> hashes = NamesIn(snapshots, error);
  return absl::StrCat(folder, " is a cache of the Hugging Face Hub: the model's folder is ",
                      snapshots, "/", hashes.empty() ? "HASH" : hashes.front());
}

std::string DescribeWeights(const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    if (absl::StartsWith(name, "adapter_")) {
      return absl::StrCat(
          name, " is of an adapter (LoRA), not of a whole model: merge it into its ",
          "base model and save that (merge_and_unload and save_pretrained of PEFT)");
    }
  }
  for (const std::string& name : names) {
    // Under its own name it is a link to nothing, of which the message tells.
    if (!absl::EndsWith(name, ".safetensors") || name == "model.safetensors") continue;
    return absl::StrCat(name, absl::StrContains(name, "-of-") ? kNoIndex : kRename);
  }
  for (const std::string& name : names) {
    for (const Format& format : kFormats) {
      if (absl::EndsWith(name, format.end) && name != "training_args.bin") {
        return absl::StrCat(name, " holds ", format.name, " weights", kSaveAgain);
      }
    }
  }
  return "";
}

std::string DescribeContents(const std::string& folder) {
  std::error_code error;
  const std::vector<std::string> names = NamesIn(folder, error);
  if (error) return absl::StrCat("the folder ", folder, " ", NotReadable(error));
  if (names.empty()) return absl::StrCat(folder, " is an empty folder");
  if (std::string cache = DescribeCache(folder, names); !cache.empty()) return cache;
  if (std::string weights = DescribeWeights(names); !weights.empty()) return weights;
  for (const std::string& name : names) {
    const std::string below = absl::StrCat(folder, "/", name);
    if (Exists(absl::StrCat(below, "/config.json"))) {
      return absl::StrCat("the folder below it, ", below, ", has a config.json");
    }
  }
  return "";
}

// "gpt2" or "openai-community/gpt2".
bool LooksLikeAModelsName(absl::string_view path) {
  return !path.empty() &&
         path.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
             "XYZ0123456789-_./") == absl::string_view::npos &&
         path.front() != '/' && path.front() != '.' &&
         std::count(path.begin(), path.end(), '/') < 2;
}

}  // namespace

std::string DescribeFolder(const std::string& path) {
  if (std::string link = DanglingLink(path); !link.empty()) return link;
  if (IsFolder(path)) return DescribeContents(path);
  if (Exists(path)) {
    return absl::StrCat(path, " is a file: give the folder that has config.json and ",
                        "model.safetensors");
  }
  if (absl::StartsWith(path, "~")) {
    return absl::StrCat("there is no folder ", path, ": shells replace ~ only at the beginning of ",
                        "a word, not after --model=; write the whole path, or $HOME");
  }
  const absl::string_view download =
      LooksLikeAModelsName(path) ? ": Cascade downloads no models; for one of the Hugging Face "
                                   "Hub, `hf download NAME --local-dir FOLDER` makes its folder"
                                 : "";
  return absl::StrCat("there is no folder ", path, download);
}

}  // namespace cascade::model
