#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the client in C++, which is built with the tests: beside CASCADE_BIN, the folder of the server.
#
#   run.sh FOLDER ADDRESS SMALL CONFIG    FOLDER: for packages and what is built; ends with
#                                         77 if it is not built.
set -eu
# shellcheck source=tests/interop/programs/toolchain.sh
. "$(dirname "$0")/../toolchain.sh"

program=$CASCADE_BIN/../tests/interop_program
[ -x "$program" ] || leave_out "it is not built (cmake --build build --target interop_program)"
"$program" "$@"
