#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests header_reach.sh: it counts what a header brings in once each, through others and around a circle, and
# refuses a tree whose headers bring in more than the budget.
set -eu
check=$(cd "$(dirname "$0")" && pwd)/header_reach.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/model" "$tree/server" "$tree/tools"
export RULES="$tree/rules.txt"
failures=0

# header FILE INCLUDED...: writes a header that includes the others.
header() {
  file=$1
  shift
  { echo '#pragma once'; echo '#include <vector>'; [ $# -eq 0 ] || printf '#include "%s"\n' "$@"; } > "$tree/$file"
}

# expect passes|fails TEXT: the check does so, and prints the text.
expect() {
  outcome=passes
  sh "$check" "$tree" --list > "$tree/out" 2>&1 || outcome=fails
  if [ "$outcome" = "$1" ] && grep -qF "$2" "$tree/out"; then return; fi
  echo "expected that it $1 and prints: $2"
  echo "it $outcome and prints:"
  cat "$tree/out"
  failures=$((failures + 1))
}

header model/base.h
header model/left.h model/base.h
header model/right.h model/base.h generated/v1.pb.h
header model/part-inl.h model/left.h model/right.h
header server/top.h model/left.h model/right.h

echo 'reach model/ server/ : 3' > "$RULES"
expect passes 'median 1, p90 3, at most 3'
expect passes '   3 server/top.h'
expect passes '   1 model/right.h'
expect passes '4 headers'
echo 'reach model/ server/ : 2' > "$RULES"
expect fails 'budget of p90: 2'
echo 'reach model/ : 2' > "$RULES"
expect passes 'p90 1'
header model/base.h server/top.h
expect fails '   3 model/base.h'

exit "$failures"
