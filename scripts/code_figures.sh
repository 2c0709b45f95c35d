#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints how large the code is: files, functions and comments of model/, server/, tools/ and tests/, the
# longest functions, and how many headers a header brings in. Needs universal-ctags. All lines are counted,
# empty ones too; a line of comment is one that has nothing else.
#
#   code_figures.sh [ROOT]
set -eu
[ $# -eq 0 ] || cd "$1"
[ -e tests/lint/header_reach.sh ] || cd "$(dirname "$0")/.."
ctags --version 2> /dev/null | grep -q Universal || { echo 'code_figures: needs universal-ctags' >&2; exit 1; }

# Numbers, one a line: "median p90 greatest".
percentiles() {
  sort -n | awk '{ v[NR] = $1 } END {
    if (NR == 0) { print "- - -"; exit }
    print v[int((NR + 1) / 2)], v[int((NR * 90 + 99) / 100)], v[NR] }'
}

sources() { find "$1" \( -name '*.h' -o -name '*.cc' \) | sort; }

# Lines of each function: "lines name file:line".
functions() {
  sources "$1" | ctags -L - --languages=C++ --language-force=C++ --kinds-C++=f --fields=+neZ -f - 2> /dev/null |
    awk -F '\t' '{
      start = end = 0
      for (i = 4; i <= NF; i++) {
        if ($i ~ /^line:/) start = substr($i, 6)
        if ($i ~ /^end:/) end = substr($i, 5)
      }
      if (end) print end - start + 1, $1, $2 ":" start
    }'
}

# The share of lines with text that are comments, in percent.
comments() {
  find "$1" -name "$2" -exec cat {} + | awk '
    NF { lines++ }
    /^[ \t]*\/\// { comments++ }
    END { printf "%.0f", lines ? 100 * comments / lines : 0 }'
}

echo '| | files | lines | file: median, p90, longest | function: median, p90, longest | comments of .h, .cc |'
echo '|---|---:|---:|---:|---:|---:|'
for folder in model server tools tests; do
  # shellcheck disable=SC2046  # three words
  set -- $(sources "$folder" | xargs wc -l | awk '$2 != "total" { print $1 }' | percentiles) \
         $(functions "$folder" | percentiles)
  echo "| $folder | $(sources "$folder" | wc -l) | $(sources "$folder" | xargs cat | wc -l)" \
       "| $1, $2, $3 | $4, $5, $6 | $(comments "$folder" '*.h') %, $(comments "$folder" '*.cc') % |"
done

echo
echo 'The ten longest functions outside tests:'
{ functions model; functions server; functions tools; } | sort -k 1,1nr | sed 10q

echo
sh tests/lint/header_reach.sh . || :
