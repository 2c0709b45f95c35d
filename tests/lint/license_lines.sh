#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Refuses a source, script or build file that does not name its license in its first five lines.
#
#   license_lines.sh ROOT    prints each file that lacks the line; fails if there is one
set -eu
cd "$1"

# Not the scripts that made the golden data, whose provenance names them by their hashes; not OpenTelemetry's
# protocol, which is kept as it is published, with its own words for the same license.
# shellcheck disable=SC2016  # awk's own dollars
find .ci clients cmake deploy docs model proto scripts server spelling tests tools CMakeLists.txt Dockerfile Makefile -type f \
    ! -path 'tests/golden/*.py' ! -path 'proto/opentelemetry/*' \( \
    -name '*.h' -o -name '*.cc' -o -name '*.proto' -o -name '*.py' -o -name '*.mjs' -o -name '*.sh' \
    -o -name '*.cmake' -o -name '*.in' -o -name CMakeLists.txt -o -name Makefile -o -name Dockerfile \
    -o -path '.ci/*' -o -name '*.yaml' -o -name '*.service' \) 2> /dev/null | sort | xargs awk '
  FNR == 1 { files[++count] = FILENAME }
  FNR <= 5 && /SPDX-License-Identifier: Apache-2\.0/ { named[FILENAME] = 1 }
  END {
    for (f = 1; f <= count; f++) if (!(files[f] in named)) {
      print files[f] ":1: lacks the line: SPDX-License-Identifier: Apache-2.0"
      breaches++
    }
    exit breaches > 0
  }
'
