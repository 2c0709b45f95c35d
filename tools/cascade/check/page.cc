// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <cmath>
#include <span>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "tools/cascade/check/report.h"

namespace cascade::cli {
namespace {

using model::Checkpoint;
using model::CheckpointResult;
using model::Verdict;

constexpr absl::string_view kStyle = R"(
:root { --ink: #1b1f24; --soft: #667; --paper: #fff; --line: #d5d9e0; --rail: #b9a27e;
        --pass: #1a7f4b; --fail: #c62828; --none: #8a929c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --soft: #9aa3ad; --paper: #15181c; --line: #333a42; --rail: #7a6a4f;
          --pass: #4cc38a; --fail: #ff6b6b; --none: #6c757f; } }
body { font: 15px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0 0 .2rem; }
p { margin: .2rem 0; color: var(--soft); overflow-wrap: anywhere; }
.verdict { font-weight: 600; }
.PASS { color: var(--pass); } .FAIL { color: var(--fail); } .NONE { color: var(--none); }
ol { list-style: none; margin: 1.5rem 0; padding: 0 1rem;
     border-left: 6px solid var(--rail); border-right: 6px solid var(--rail); border-radius: 4px; }
li { display: grid; grid-template-columns: 2.4rem 1fr 14rem 6.5rem; gap: .8rem; align-items: center;
     padding: .55rem 0; border-bottom: 3px solid var(--rail); }
li.FAIL { background: color-mix(in srgb, var(--fail) 12%, transparent); color: inherit; }
.number { width: 2.1rem; height: 2.1rem; border-radius: 50%; display: grid; place-items: center;
          color: #fff; font-weight: 700; }
li.PASS .number { background: var(--pass); } li.FAIL .number { background: var(--fail); }
li.NONE .number { background: var(--none); } li.PASS, li.NONE { color: inherit; }
code { font-size: .8rem; color: var(--soft); }
.name { font-weight: 600; } .component { font-size: .85rem; }
.measured { font-size: .8rem; color: var(--soft); }
svg { width: 100%; height: 22px; display: block; }
.why { border: 2px solid var(--fail); border-radius: 6px; padding: .7rem 1rem; }
.why p { color: inherit; }
@media (max-width: 40rem) { li { grid-template-columns: 2.4rem 1fr 5rem; } .scale { display: none; } }
)";

std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(
      text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}, {"'", "&#39;"}});
}

absl::string_view ClassOf(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return "PASS";
    case Verdict::kFail:
      return "FAIL";
    case Verdict::kNotMeasured:
      return "NONE";
  }
  return "";
}

// Where an error stands on a scale of 200 units from 1e-9 (and all below, and 0) to 1.
double OnScale(double error) {
  constexpr double kSmallestLog = -9;
  if (!(error > 0)) return 0;
  return 200 * std::clamp((std::log10(error) - kSmallestLog) / -kSmallestLog, 0.0, 1.0);
}

// A bar for the error and a mark for the tolerance. Nothing to draw where bits are compared.
std::string Scale(const CheckpointResult& result) {
  const double tolerance = result.checkpoint->tolerance;
  if (result.verdict == Verdict::kNotMeasured || tolerance == 0) return "";
  const double error = OnScale(result.measurement.max_abs_error());
  const double mark = OnScale(tolerance);
  return absl::StrFormat(
      "<svg viewBox='0 0 200 22' preserveAspectRatio='none' role='img' "
      "aria-label='error %.1e, tolerance %.0e'>"
      "<rect x='0' y='9' width='200' height='4' fill='var(--line)'/>"
      "<rect x='0' y='7' width='%.1f' height='8' fill='var(--%s)'/>"
      "<rect x='%.1f' y='2' width='2' height='18' fill='var(--ink)'/></svg>",
      result.measurement.max_abs_error(), tolerance, std::max(error, 1.0),
      result.verdict == Verdict::kPass ? "pass" : "fail", mark);
}

std::string MeasuredLine(const CheckpointResult& result) {
  if (result.verdict == Verdict::kNotMeasured) return Escaped(result.note);
  const bool is_exact = result.checkpoint->tolerance == 0;
  const std::string measured = is_exact
                                   ? absl::StrCat(MeasuredText(result), " equal, exact")
                                   : absl::StrCat("error ", MeasuredText(result), ", tolerance ",
                                                  ToleranceText(*result.checkpoint));
  return result.note.empty() ? measured : absl::StrCat(measured, " (", Escaped(result.note), ")");
}

std::string Rung(const CheckpointResult& result) {
  const Checkpoint& checkpoint = *result.checkpoint;
  return absl::StrFormat(
      "<li class='%s'><span class='number'>%d</span><div><div class='name'>%s</div>"
      "<div class='component'>%s</div><code>%s</code></div>"
      "<div class='scale'>%s<div class='measured'>%s</div></div>"
      "<span class='verdict %s'>%s</span></li>\n",
      ClassOf(result.verdict), checkpoint.number, checkpoint.name, Escaped(checkpoint.component),
      checkpoint.file, Scale(result), MeasuredLine(result), ClassOf(result.verdict),
      VerdictName(result.verdict));
}

// How it ended, above the ladder.
std::string Summary(std::span<const CheckpointResult> results) {
  const auto failed = std::ranges::find(results, Verdict::kFail, &CheckpointResult::verdict);
  if (failed == results.end()) {
    const auto passed = std::ranges::count(results, Verdict::kPass, &CheckpointResult::verdict);
    return absl::StrFormat("<p class='verdict PASS'>%d checkpoint%s passed.</p>\n", passed,
                           passed == 1 ? "" : "s");
  }
  const Checkpoint& checkpoint = *failed->checkpoint;
  const std::string mismatch = failed->measurement.mismatch()
                                   ? model::Describe(*failed->measurement.mismatch())
                                   : "nothing was compared";
  return absl::StrFormat(
      "<div class='why'><p class='verdict FAIL'>Checkpoint %d failed: %s</p><p>%s</p>"
      "<p>Look at <code>%s</code>: %s.</p></div>\n",
      checkpoint.number, checkpoint.name, Escaped(mismatch), checkpoint.file,
      Escaped(checkpoint.look_at));
}

}  // namespace

std::string LadderPage(const CheckSubject& subject, std::span<const CheckpointResult> results) {
  std::string page = absl::StrCat(
      "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>\n"
      "<meta name='viewport' content='width=device-width, initial-scale=1'>\n<title>Checkpoints "
      "of ",
      Escaped(subject.model), "</title>\n<style>", kStyle, "</style></head><body>\n",
      "<h1>Checkpoints of ", Escaped(subject.model), "</h1>\n<p>",
      subject.golden.empty() ? "No golden data: compared with published continuations."
                             : absl::StrCat("Golden data: ", Escaped(subject.golden)),
      "</p>\n", Summary(results), "<ol>\n");
  for (auto result = results.rbegin(); result != results.rend(); ++result) {
    absl::StrAppend(&page, Rung(*result));
  }
  absl::StrAppend(&page,
                  "</ol>\n<p>Climb from the bottom: errors compound, so a checkpoint says nothing "
                  "until those below it pass. Bars show the largest absolute error, marks the "
                  "tolerance, on a logarithmic scale from 1e-9 to 1.</p>\n</body></html>\n");
  return page;
}

}  // namespace cascade::cli
