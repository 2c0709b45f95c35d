#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds and runs the client in Java.
#
#   run.sh FOLDER ADDRESS SMALL CONFIG    FOLDER: for packages and what is built; ends with
#                                         77 if there is no JDK or no Maven.
set -eu
# shellcheck source=tests/interop/programs/toolchain.sh
. "$(dirname "$0")/../toolchain.sh"

needs java javac mvn
needs_version javac 17 "$(javac -version 2>&1 | cut -d " " -f 2)"
[ -e "$folder/target/classpath" ] || needs_network
cp -p "$here/pom.xml" "$here/Program.java" "$folder"
offline=
[ "${OFFLINE:-}" != true ] || offline=--offline
mvn --quiet --batch-mode ${offline:+"$offline"} --file "$folder/pom.xml" compile >&2
java -cp "$folder/target/classes:$(cat "$folder/target/classpath")" Program "$@"
