# SPDX-License-Identifier: Apache-2.0
# Sourced by the run.sh of each program: its folder, $here; the first argument, $folder, which it takes away; and
# what ends with 77, and says why, where the program cannot run.
# shellcheck shell=sh disable=SC2034  # here and folder are for who sources this
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
shift

leave_out() {
  echo "$1" >&2
  exit 77
}

# needs TOOL...
needs() {
  for tool in "$@"; do
    command -v "$tool" > /dev/null || leave_out "there is no $tool"
  done
}

# needs_version TOOL LEAST VERSION: the version that the tool has.
needs_version() {
  [ "$(printf '%s\n' "$2" "$3" | sort -V | head -n 1)" = "$2" ] || leave_out "$1 is $3, and it takes $2"
}

# For what fetches packages. OFFLINE=true forbids it.
needs_network() {
  [ "${OFFLINE:-}" != true ] || leave_out 'its packages are not installed yet (make interop-test)'
}
