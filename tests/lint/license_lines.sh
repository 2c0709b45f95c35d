#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Refuses a source, script or build file that does not name its license in its first five lines.
#
#   license_lines.sh ROOT    prints each file that lacks the line; fails if there is one
set -eu
cd "$1"

# files PATH...: those of the paths that git does not ignore, or all of them where there is no repository.
files() {
  if [ -e .git ] && command -v git > /dev/null; then
    git ls-files --cached --others --exclude-standard -- "$@"
  else
    find "$@" -type f 2> /dev/null || true  # some paths may not be there
  fi
}

# Not the scripts that made the golden data, whose provenance names them by their hashes; not OpenTelemetry's
# protocol, which is kept as it is published, with its own words for the same license.
# shellcheck disable=SC2016  # awk's own dollars
files .ci clients cmake deploy docs model proto scripts server spelling tests tools CMakeLists.txt Dockerfile Makefile |
  grep -E -e '\.(h|cc|proto|py|mjs|sh|cmake|in|yaml|service)$' -e '(^|/)(CMakeLists\.txt|Makefile|Dockerfile)$' -e '^\.ci/' |
  grep -vE -e '^tests/golden/.*\.py$' -e '^proto/opentelemetry/' | sort | xargs awk '
  FNR == 1 { files[++count] = FILENAME }
  FNR <= 5 && /SPDX-License-Identifier: Apache-2\.0/ { named[FILENAME] = 1 }
  END {
    for (f = 1; f <= count; f++) if (!(files[f] in named)) {
      print files[f] ":1: lacks the line: SPDX-License-Identifier: Apache-2.0"
      breaches++
    }
    if (count == 0) print "license_lines: there is no file to check"
    exit breaches > 0 || count == 0
  }
'
