#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests own_includes.sh: it passes what a file includes itself, and refuses and names what it does not.
set -eu
check=$(cd "$(dirname "$0")" && pwd)/own_includes.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/client" "$tree/model" "$tree/server" "$tree/spelling" "$tree/tools" "$tree/tests"
failures=0

file() { printf '%b\n' "$1" > "$tree/model/a.cc"; }

passes() {
  sh "$check" "$tree" > "$tree/out" && return
  echo "refused, and it is allowed: $1"
  cat "$tree/out"
  failures=$((failures + 1))
}

# refuses NAME HEADER: line 2 of model/a.cc uses NAME, whose header is not included.
refuses() {
  if ! sh "$check" "$tree" > "$tree/out" && grep -q "^model/a.cc:2: $1 needs an #include of $2\$" "$tree/out"
  then return; fi
  echo "not refused: $1 without $2"
  failures=$((failures + 1))
}

file '#include <vector>\nstd::vector<int> a;'
passes 'a name whose header is included'
file '#include "model/a.h"\nstd::vector<int> a;'
refuses std::vector vector
printf '#include <vector>\n' > "$tree/model/a.h"
passes 'a name whose header the header beside it includes'
file '#include "model/a.h"\nauto a = absl::StrCat("b");'
refuses absl::StrCat absl/strings/str_cat.h
file '// std::optional\nauto a = "std::optional \\" std::optional";'
passes 'a name in a comment or a string literal'
file '#include <string>\nstd::optional_of_ours a;'
passes 'a name that begins as one of a header'
file '#include <string>\nstd::optional<std::string> a;  // std::optional'
refuses std::optional optional

[ "$failures" -eq 0 ]
