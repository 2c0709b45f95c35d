#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests make_targets.sh: it passes a Makefile whose targets are what pages name, and names each breach.
set -eu
check=$(cd "$(dirname "$0")" && pwd)/make_targets.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

plant() {
  mkdir -p "$tree/scripts" "$tree/docs"
  printf '%s\n' '.PHONY: build test' 'build:  ## Build' "$(printf '\tscripts/a.sh')" 'test: build  ## Test' \
    > "$tree/Makefile"
  printf '#!/bin/sh\n' > "$tree/scripts/a.sh"
  chmod +x "$tree/scripts/a.sh"
  # shellcheck disable=SC2016  # no command
  printf '%s\n' 'We' 'make do: `make build test` and `make test`, `make test X=1`.' '```sh' 'make build MODEL=x' '```' > "$tree/docs/a.md"
}

refuses() {
  if ! sh "$check" "$tree" > "$tree/out" && grep -q "$1" "$tree/out"; then return; fi
  echo "not refused: $1"
  failures=$((failures + 1))
}

plant
sh "$check" "$tree" || { echo 'refused, and it is allowed: targets that there are'; failures=1; }
# shellcheck disable=SC2016
echo 'Run `make build tests`.' >> "$tree/docs/a.md"
refuses 'no target tests'
plant
printf '%s\n' '```sh' 'make install PREFIX=/usr' '```' > "$tree/README.md"
refuses 'no target install'
rm "$tree/README.md"
plant
sed -i '1d' "$tree/Makefile"
refuses 'test is not in .PHONY'
plant
rm "$tree/scripts/a.sh"
refuses 'runs scripts/a.sh'

exit "$failures"
