#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests license_lines.sh: it passes a tree of marked files, and refuses and names each file that is not.
set -eu
check=$(cd "$(dirname "$0")" && pwd)/license_lines.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

line='SPDX-License-Identifier: Apache-2.0'

# write FILE LINE...
write() {
  written=$tree/$1
  shift
  mkdir -p "$(dirname "$written")"
  printf '%s\n' "$@" > "$written"
}

fails() {
  if ! sh "$check" "$tree" > "$tree/out" && grep -q "^$1:1: " "$tree/out"; then return; fi
  echo "not refused: $2"
  failures=$((failures + 1))
}

write model/a.h "// $line" '#pragma once'
write scripts/a.sh '#!/bin/sh' "# $line"
write CMakeLists.txt "# $line"
write server/README.md 'No source.'
write build/made.cc 'Not in a folder of ours.'
sh "$check" "$tree" || { echo 'refused, and it is allowed: a tree of marked files'; failures=1; }

for file in model/b.h server/b.cc tools/b.py scripts/b.sh proto/b.proto tests/CMakeLists.txt Makefile .ci/run; do
  write "$file" 'First.' 'SPDX-License-Identifier: MIT' 'Third.' 'Fourth.' 'Fifth.' "// $line"
  fails "$file" "$file without the line, or with it too far down"
  rm "$tree/$file"
done

# In a repository, what git ignores is nobody's source; a file that is not added yet is one.
if command -v git > /dev/null; then
  git -C "$tree" init --quiet
  echo '/clients/python/build/' > "$tree/.gitignore"
  write clients/python/build/made.py 'Made by pip.'
  sh "$check" "$tree" || { echo 'refused, and it is allowed: a file that git ignores'; failures=1; }
  write clients/python/new.py 'First.'
  fails clients/python/new.py 'a file that git does not know yet'
fi

exit "$failures"
