#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds and runs the client in Rust.
#
#   run.sh FOLDER ADDRESS SMALL CONFIG    FOLDER: for packages and what is built; ends with
#                                         77 if there is no cargo or no protoc.
set -eu
# shellcheck source=tests/interop/programs/toolchain.sh
. "$(dirname "$0")/../toolchain.sh"

needs cargo protoc
needs_version cargo 1.88 "$(cargo --version | cut -d " " -f 2)"
[ -e "$folder/target/debug/program" ] || needs_network
[ "${OFFLINE:-}" != true ] || export CARGO_NET_OFFLINE=true
cp -p "$here/Cargo.toml" "$here/build.rs" "$here/program.rs" "$folder"
cargo build --quiet --manifest-path "$folder/Cargo.toml" --target-dir "$folder/target" >&2
"$folder/target/debug/program" "$@"
