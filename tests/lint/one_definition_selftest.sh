#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests one_definition.sh: it passes what two headers may share, and refuses and names what they may not.
set -eu
check=$(cd "$(dirname "$0")" && pwd)/one_definition.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/model" "$tree/server" "$tree/tools" "$tree/tests"
failures=0

# header FILE NAMESPACE TEXT: writes a header with the text in the namespace.
header() { printf '#pragma once\nnamespace %s {\n\n%b\n\n}  // namespace %s\n' "$2" "$3" "$2" > "$tree/$1"; }

passes() {
  sh "$check" "$tree" > "$tree/out" && return
  echo "refused, and it is allowed: $1"
  cat "$tree/out"
  failures=$((failures + 1))
}

# refuses NAME: the headers model/a.h and server/b.h define NAME twice.
refuses() {
  if ! sh "$check" "$tree" > "$tree/out" && grep -q "^server/b.h:[0-9]*: $1 is defined at model/a.h:" "$tree/out"
  then return; fi
  echo "not refused: $1 in two headers"
  failures=$((failures + 1))
}

header model/a.h a 'inline constexpr int kRows = 12;\ninline constexpr int kColumns = 1;'
header server/b.h a 'inline constexpr int kColumn = 16;'
passes 'names of which one begins as the other'
header server/b.h b 'inline constexpr int kRows = 16;'
passes 'one name in two namespaces'
header server/b.h a 'constexpr int Rows(int n) { return n; }\nstruct S { static constexpr int kRows = 3; };'
passes 'a member with the name of a constant'
header server/b.h a 'inline constexpr int kRows = 16;'
refuses a::kRows
header server/b.h a 'inline constexpr std::size_t\n    kRows{16};'
refuses a::kRows
header server/b.h a 'inline constexpr char kRows[] = "rows";'
refuses a::kRows
header server/b.h a 'inline const std::array<int, 2> kRows = {1, 2};'
refuses a::kRows

header model/a.h a::b 'class Row final : public Base {\n};\nenum class Kind : int {\n  kOne,\n};'
header server/b.h a::b 'class Row;\nenum class Kind : int;\nclass Rows {\n};'
passes 'a type that is only declared in the other header'
header server/b.h a::b 'struct Row {\n};'
refuses a::b::Row
header server/b.h a::b 'enum class Kind { kTwo };'
refuses a::b::Kind

exit "$failures"
