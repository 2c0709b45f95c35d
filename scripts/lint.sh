#!/bin/sh
# The checks that need Clang's tools.
#
#   lint.sh format            rewrites all sources in the house's format
#   lint.sh format-check      tells which files are not in it
#   lint.sh check [FILE...]   format, include direction, and clang-tidy on the files (all, if none)
set -eu
cd "$(dirname "$0")/.."

# The version that the house's format was written for, or whatever there is.
tool() { command -v "$1-14" || command -v "$1"; }

sources() { git ls-files --cached --others --exclude-standard '*.cc' '*.h'; }

format_check() { sources | xargs "$(tool clang-format)" --dry-run --Werror; }

tidy() {
  if [ $# -eq 0 ]; then
    # Benchmarks and fuzzers are not in this build.
    # shellcheck disable=SC2046  # a list of files
    set -- $(git ls-files 'model/*.cc' 'server/*.cc' 'tools/*.cc' 'tests/*.cc' \
      ':!tests/bench' ':!tests/fuzz')
  fi
  printf '%s\n' "$@" | xargs -n 1 -P "$(nproc)" "$(tool clang-tidy)" -p build --quiet
}

case ${1:-} in
  format) sources | xargs "$(tool clang-format)" -i ;;
  format-check) format_check ;;
  check)
    shift
    format_check
    sh tests/lint/include_direction.sh .
    tidy "$@" ;;
  *)
    echo 'usage: lint.sh format | format-check | check [FILE...]' >&2
    exit 2 ;;
esac
