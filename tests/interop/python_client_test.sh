#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tests of clients/python: with servers that are made up, and with real ones that are killed.
#
#   python_client_test.sh BIN VENV    the folder of cascade-server; where scripts/install_clients.sh was
#
# Ends with 77, which ctest takes for skipped, if neither VENV nor the system has a Python with grpcio-tools.
set -eu
bin=$(cd "$1" && pwd)
venv=$2
root=$(cd "$(dirname "$0")/../.." && pwd)

python=
for candidate in "$venv/bin/python3" python3; do
  if "$candidate" -c 'import grpc_tools' 2> /dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "python_client_test: left out, since no Python has grpcio-tools (scripts/install_clients.sh build/clients)"
  exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" "$root/clients/python/generate_stubs.py" "$work"
export CASCADE_BIN="$bin" CASCADE_MODEL="$root/deploy/models/tales-7m" GRPC_VERBOSITY=error
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$root/clients/python/src:$work" \
  "$python" -m unittest discover -s "$root/clients/python/tests" -p '*_test.py'
