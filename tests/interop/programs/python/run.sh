#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs PROGRAM, sync.py or aio.py, with the packages of requirements.txt in a virtual environment.
#
#   run.sh FOLDER ADDRESS SMALL CONFIG    FOLDER: for packages and what is built; ends with
#                                         77 if there is no Python.
set -eu
# shellcheck source=tests/interop/programs/toolchain.sh
. "$(dirname "$0")/../toolchain.sh"

needs python3
if ! cmp -s "$here/requirements.txt" "$folder/requirements.txt"; then
  needs_network
  python3 -m venv "$folder" >&2
  "$folder/bin/pip" install --quiet --requirement "$here/requirements.txt" >&2
  cp "$here/requirements.txt" "$folder"
fi
mkdir -p "$folder/stubs"
"$folder/bin/python3" -m grpc_tools.protoc -I "$CASCADE_PROTO" \
  --python_out="$folder/stubs" --grpc_python_out="$folder/stubs" cascade/v1/text_generation.proto
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$folder/stubs" "$folder/bin/python3" "$here/$PROGRAM" "$@"
