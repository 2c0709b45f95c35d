# SPDX-License-Identifier: Apache-2.0
# Sourced by tests that need a server: start_server, stop_server. They want $bin, the folder of the
# programs, $root, the project's, and $work, a folder to write in.
# shellcheck shell=sh disable=SC2154
server='' server_flags=''

# Serves the bundled model on a free port, with the flags in $server_flags; CASCADE_SERVER then names it.
# Returns when health says SERVING; ends the test if the server ends.
start_server() {
  rm -f "$work/address"
  # shellcheck disable=SC2086  # a list of words
  "$bin/cascade-server" --model="$root/deploy/models/tales-7m" --listen=127.0.0.1:0 ${server_flags:-} \
    > "$work/address" 2> "$work/server.log" &
  server=$!
  while kill -0 "$server" 2> /dev/null; do
    if [ -s "$work/address" ]; then
      CASCADE_SERVER=$(cat "$work/address")
      export CASCADE_SERVER
      "$bin/cascade" health > /dev/null 2>&1 && return
    fi
    sleep 0.1
  done
  cat "$work/server.log"
  exit 1
}

# SIGTERM, and the exit status that it ends with.
stop_server() {
  [ -n "$server" ] || return 0
  kill "$server" 2> /dev/null || true
  stopped=$server
  server=
  wait "$stopped"
}
