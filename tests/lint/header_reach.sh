#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tells how many headers of this project each header brings in, directly or through others: what a change to
# one header recompiles, and what a reader of it may have to know.
#
#   header_reach.sh ROOT            fails if a "reach" line of include_rules.txt does not hold
#   header_reach.sh ROOT --list     prints each header's number before the summary, the greatest first
#
# Headers that are generated from .proto files are not counted. A *-inl.h is a part of a source file: it counts
# where it is included, and is not measured itself.
set -eu
rules=${RULES:-$(cd "$(dirname "$0")" && pwd)/include_rules.txt}
cd "$1"
list=${2:-}

# shellcheck disable=SC2016  # awk's own dollars
find model server tools -name '*.h' | sort | xargs awk '
  FNR == 1 && FILENAME != rules {
    known[FILENAME] = 1
    if (FILENAME !~ /-inl\.h$/) header[++headers] = FILENAME
  }
  FILENAME == rules {
    if ($1 != "reach") next
    split($0, side, / *: */)
    sub(/^reach +/, "", side[1])
    folders[++budgets] = side[1]
    budget[budgets] = side[2] + 0
    next
  }
  /^[ \t]*#[ \t]*include[ \t]*"/ {
    included = $0
    sub(/^[^"]*"/, "", included)
    sub(/".*/, "", included)
    includes[FILENAME] = includes[FILENAME] " " included
  }

  # Marks what `from` includes, and what that includes, with `mark`; returns how many of them are new.
  function reach(from, mark,   list, n, i, found) {
    n = split(includes[from], list, " ")
    for (i = 1; i <= n; i++)
      if (list[i] in known && marked[list[i]] != mark) {
        marked[list[i]] = mark
        found += 1 + reach(list[i], mark)
      }
    return found + 0
  }

  function starts_with_any(text, words,   list, n, i) {
    n = split(words, list, " ")
    for (i = 1; i <= n; i++) if (index(text, list[i]) == 1) return 1
    return 0
  }

  # The smallest of values[1..n], which ascend, that `percent` of them do not exceed.
  function percentile(percent,   rank) {
    rank = int((n * percent + 99) / 100)
    return values[rank < 1 ? 1 : rank]
  }

  END {
    for (h = 1; h <= headers; h++) {
      marked[header[h]] = h
      count[h] = reach(header[h], h)
    }
    if (listed) {
      sorter = "sort -k 1,1nr -k 2"
      for (h = 1; h <= headers; h++) printf "%4d %s\n", count[h], header[h] | sorter
      close(sorter)
    }
    for (b = 1; b <= budgets; b++) {
      n = 0
      for (h = 1; h <= headers; h++) if (starts_with_any(header[h], folders[b])) {
        for (i = n++; i > 0 && values[i] > count[h]; i--) values[i + 1] = values[i]
        values[i + 1] = count[h]
      }
      if (n == 0) continue
      p90 = percentile(90)
      printf "headers that a header brings in (%s; %d headers): median %d, p90 %d, at most %d; budget of p90: %d\n",
             folders[b], n, percentile(50), p90, values[n], budget[b]
      if (p90 > budget[b]) exceeded = 1
    }
    exit exceeded
  }
' rules="$rules" listed="${list:+1}" "$rules"
