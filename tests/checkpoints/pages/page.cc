// SPDX-License-Identifier: Apache-2.0

#include "tests/checkpoints/pages/page.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "model/checkpoints/checked_model.h"
#include "model/checkpoints/ladder.h"
#include "tests/checkpoints/golden_model.h"
#include "tests/checkpoints/pages/source_tree.h"
#include "tests/support/value_or_die.h"

namespace cascade::testing {
namespace {

using model::Checkpoint;
using model::CheckpointResult;
using model::Verdict;

constexpr absl::string_view kBegin = "<!-- generated: ";
constexpr absl::string_view kBeginEnd = " -->\n";
constexpr absl::string_view kEnd = "<!-- end -->";

// The header of the checkpoint's file; empty for a file without one, such as main.cc.
std::string HeaderOf(const Checkpoint& checkpoint) {
  std::string header(checkpoint.file.substr(0, checkpoint.file.size() - 3));
  absl::StrAppend(&header, ".h");
  return SourceExists(header) ? header : "";
}

// A link from docs/checkpoints to a file of the tree.
std::string Link(absl::string_view path) {
  return absl::StrCat("[`", path, "`](../../", path, ")");
}

std::string Links(const std::vector<std::string>& paths) {
  if (paths.empty()) return "nothing";
  return absl::StrJoin(paths, ", ", [](std::string* out, const std::string& path) {
    absl::StrAppend(out, Link(path));
  });
}

std::string ToleranceText(const Checkpoint& checkpoint) {
  if (checkpoint.number == 0) return "works";
  if (checkpoint.tolerance == 0) return "exact: every bit";
  return absl::StrFormat("%.0e, largest absolute error", checkpoint.tolerance);
}

std::string PrerequisitesText(const Checkpoint& checkpoint) {
  if (checkpoint.prerequisites.empty()) return "none";
  const std::vector<std::string> numbers = absl::StrSplit(checkpoint.prerequisites, ' ');
  return absl::StrJoin(numbers, ", ", [](std::string* out, const std::string& number) {
    absl::StrAppend(out, "[", number, "](CHECKPOINT_", number.size() == 1 ? "0" : "", number,
                    ".md)");
  });
}

// What the component's files include of the project, each once, but its own header.
std::vector<std::string> Imports(const Checkpoint& checkpoint) {
  const std::string header = HeaderOf(checkpoint);
  std::vector<std::string> all = ProjectIncludes(checkpoint.file);
  if (!header.empty()) {
    for (std::string& include : ProjectIncludes(header)) all.push_back(std::move(include));
  }
  std::erase(all, header);
  std::ranges::sort(all);
  // Not std::ranges::unique: Clang 14 cannot compile its result with libstdc++ 12.
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

std::string HeaderPart(const Checkpoint& checkpoint) {
  const auto row = [](absl::string_view name, absl::string_view value) {
    return absl::StrCat("| **", name, "** | ", value, " |\n");
  };
  return absl::StrCat(
      "| | |\n|---|---|\n", row("Phase", checkpoint.phase), row("Component", checkpoint.component),
      row("File", Link(checkpoint.file)),
      row("Imports", absl::StrCat("`", absl::StrJoin(Imports(checkpoint), "`, `"), "`")),
      row("Tolerance", ToleranceText(checkpoint)), row("Critical level", checkpoint.critical),
      row("Prerequisites", PrerequisitesText(checkpoint)));
}

std::string ImportsPart(const Checkpoint& checkpoint) {
  std::string part;
  const std::string header = HeaderOf(checkpoint);
  const std::vector<std::string> paths =
      header.empty() ? std::vector<std::string>{std::string(checkpoint.file)}
                     : std::vector<std::string>{header, std::string(checkpoint.file)};
  for (const std::string& path : paths) {
    absl::StrAppend(&part, Link(path), " includes\n\n```cpp\n",
                    absl::StrJoin(IncludeLines(path), "\n"), "\n```\n");
    if (path != paths.back()) absl::StrAppend(&part, "\n");
  }
  return part;
}

// The files of tests/checkpoints with this number.
std::vector<std::string> TestsOf(const Checkpoint& checkpoint) {
  std::vector<std::string> tests = SourcesBelow("tests/checkpoints", "_test.cc");
  const std::string prefix =
      absl::StrFormat("tests/checkpoints/checkpoint_%02d", checkpoint.number);
  std::erase_if(tests, [&](const std::string& path) { return !absl::StartsWith(path, prefix); });
  return tests;
}

std::string FilesPart(const Checkpoint& checkpoint) {
  const std::string header = HeaderOf(checkpoint);
  std::vector<std::string> users =
      header.empty() ? std::vector<std::string>{} : IncludersOf(header);
  std::erase(users, checkpoint.file);
  const auto item = [](absl::string_view name, const std::string& value) {
    return absl::StrCat("- **", name, ":** ", value, "\n");
  };
  std::string part = item("Implementation", Link(checkpoint.file));
  if (!header.empty()) absl::StrAppend(&part, item("Contract", Link(header)));
  return absl::StrCat(part, item("Checkpoint test", Links(TestsOf(checkpoint))),
                      item("Depends on", Links(Imports(checkpoint))),
                      item("Used by", Links(users)));
}

std::string MeasuredCell(const CheckpointResult& result) {
  const model::Measurement& measurement = result.measurement;
  if (result.verdict == Verdict::kNotMeasured) return "by its test";
  if (measurement.tolerance() == 0) {
    return absl::StrCat(measurement.compared() - measurement.outside(), " of ",
                        measurement.compared(), " equal");
  }
  return absl::StrFormat("%.1e", measurement.max_abs_error());
}

std::string MeasuredPart(const Checkpoint& checkpoint, const std::vector<MeasuredModel>& measured) {
  std::string part = "| model | compared | measured | tolerance |\n|---|---:|---:|---:|\n";
  for (const MeasuredModel& model : measured) {
    const CheckpointResult& result = model.results[static_cast<std::size_t>(checkpoint.number)];
    absl::StrAppendFormat(
        &part, "| %s | %d | %s | %s |\n", model.name, result.measurement.compared(),
        MeasuredCell(result),
        checkpoint.tolerance == 0 ? "exact" : absl::StrFormat("%.0e", checkpoint.tolerance));
  }
  return part;
}

}  // namespace

std::vector<MeasuredModel> MeasureGoldenModels() {
  std::vector<MeasuredModel> measured;
  for (const auto& [name, golden] :
       {std::pair{"tales-7m", GoldenModel::kTales}, std::pair{"random", GoldenModel::kRandom}}) {
    const auto checked = ValueOrDie(model::CheckedModel::Open(FoldersOf(golden)));
    measured.push_back({name, ValueOrDie(model::Climb(*checked, [](const CheckpointResult&) {}))});
  }
  return measured;
}

std::string PagePath(const Checkpoint& checkpoint) {
  return absl::StrFormat("docs/checkpoints/CHECKPOINT_%02d.md", checkpoint.number);
}

std::map<std::string, std::string> PartsOf(const Checkpoint& checkpoint,
                                           const std::vector<MeasuredModel>& measured) {
  std::map<std::string, std::string> parts = {{"header", HeaderPart(checkpoint)},
                                              {"imports", ImportsPart(checkpoint)},
                                              {"files", FilesPart(checkpoint)}};
  if (checkpoint.number > 0) parts["measured"] = MeasuredPart(checkpoint, measured);
  return parts;
}

std::map<std::string, std::string> PartsOfIndex(const std::vector<MeasuredModel>& measured) {
  std::string part = "| # | checkpoint | component | file | tolerance |";
  std::string line = "|---:|---|---|---|---:|";
  for (const MeasuredModel& model : measured) {
    absl::StrAppend(&part, " ", model.name, " |");
    absl::StrAppend(&line, "---:|");
  }
  absl::StrAppend(&part, "\n", line, "\n");
  for (const Checkpoint* checkpoint : model::checkpoints::kLadder) {
    absl::StrAppendFormat(
        &part, "| %d | [%s](CHECKPOINT_%02d.md) | %s | %s | %s |", checkpoint->number,
        checkpoint->name, checkpoint->number, checkpoint->component, Link(checkpoint->file),
        checkpoint->number == 0      ? "works"
        : checkpoint->tolerance == 0 ? "exact"
                                     : absl::StrFormat("%.0e", checkpoint->tolerance));
    for (const MeasuredModel& model : measured) {
      absl::StrAppend(&part, " ",
                      MeasuredCell(model.results[static_cast<std::size_t>(checkpoint->number)]),
                      " |");
    }
    absl::StrAppend(&part, "\n");
  }
  return {{"ladder", part}};
}

std::string WithParts(const std::string& page, const std::map<std::string, std::string>& parts) {
  std::string result;
  std::size_t at = 0;
  while (true) {
    const std::size_t begin = page.find(std::string(kBegin), at);
    if (begin == std::string::npos) break;
    const std::size_t name_at = begin + kBegin.size();
    const std::size_t name_end = page.find(std::string(kBeginEnd), name_at);
    const std::size_t end = page.find(std::string(kEnd), name_at);
    if (name_end == std::string::npos || end == std::string::npos) break;
    const auto part = parts.find(page.substr(name_at, name_end - name_at));
    const std::size_t body = name_end + kBeginEnd.size();
    absl::StrAppend(&result, page.substr(at, body - at),
                    part == parts.end() ? page.substr(body, end - body) : part->second);
    at = end;
  }
  return absl::StrCat(result, page.substr(at));
}

std::vector<std::string> PartNames(const std::string& page) {
  std::vector<std::string> names;
  for (std::size_t at = page.find(std::string(kBegin)); at != std::string::npos;
       at = page.find(std::string(kBegin), at + 1)) {
    const std::size_t name_at = at + kBegin.size();
    names.push_back(page.substr(name_at, page.find(' ', name_at) - name_at));
  }
  return names;
}

}  // namespace cascade::testing
