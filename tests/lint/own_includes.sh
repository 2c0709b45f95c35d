#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Refuses a name of a header that the file, or the header beside it, does not include itself. Such a file compiles
# while some other header happens to bring that one in, which differs by the version of a compiler or a library.
#
#   own_includes.sh ROOT    prints each such name as file:line: why; fails if there is one
#
# included_names.txt says which names belong to which header. Line comments and ordinary string literals are not
# read.
set -eu
names=$(cd "$(dirname "$0")" && pwd)/included_names.txt
cd "$1"

# shellcheck disable=SC2016  # awk's own dollars
find client model server spelling tools tests -name '*.h' -o -name '*.cc' | sort | xargs awk '
  FILENAME == names {
    if ($1 != "#") for (i = 2; i <= NF; i++) header[$i] = $1
    next
  }
  /^[ \t]*#[ \t]*include[ \t]*["<]/ {
    included = $0
    gsub(/^[^"<]*["<]|[">].*/, "", included)
    includes[FILENAME, included] = 1
    next
  }
  {
    text = $0
    gsub(/\\./, "", text)
    gsub(/"[^"]*"/, "", text)
    sub(/\/\/.*/, "", text)
    while (match(text, /(absl|std)::[A-Za-z_0-9:]*[A-Za-z_0-9]/)) {
      name = substr(text, RSTART, RLENGTH)
      text = substr(text, RSTART + RLENGTH)
      if (!(name in header) || (FILENAME, header[name]) in used) continue
      used[FILENAME, header[name]] = FILENAME ":" FNR ": " name " needs an #include of " header[name]
    }
  }
  END {
    for (use in used) {
      split(use, key, SUBSEP)
      beside = key[1]
      sub(/\.cc$/, ".h", beside)
      if (use in includes || (beside, key[2]) in includes) continue
      print used[use] | "sort"
      breaches++
    }
    close("sort")
    exit breaches > 0
  }
' names="$names" "$names"
