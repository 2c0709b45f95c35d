#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the client for Node.js with the packages of package.json.
#
#   run.sh FOLDER ADDRESS SMALL CONFIG    FOLDER: for packages and what is built; ends with
#                                         77 if there is no Node.js or no npm.
set -eu
# shellcheck source=tests/interop/programs/toolchain.sh
. "$(dirname "$0")/../toolchain.sh"

needs node npm
needs_version node 18 "$(node --version | tr -d v)"
if ! cmp -s "$here/package.json" "$folder/package.json" || [ ! -d "$folder/node_modules" ]; then
  needs_network
  cp "$here/package.json" "$folder"
  npm install --prefix "$folder" --silent --no-package-lock --no-audit --no-fund >&2
fi
cp "$here/program.js" "$folder"
node "$folder/program.js" "$@"
