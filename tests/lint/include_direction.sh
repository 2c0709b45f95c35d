#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Holds every #include of model/, server/ and tools/ against include_rules.txt, and those of tests/ against its
# rules for private headers. A source includes the header of its name first, which shows that the header
# compiles alone.
#
#   include_direction.sh ROOT    prints each breach as file:line: why; fails if there is one
set -eu
rules=$(cd "$(dirname "$0")" && pwd)/include_rules.txt
cd "$1"

# shellcheck disable=SC2016  # awk's own dollars
find model server tools tests -name '*.h' -o -name '*.cc' | sort | xargs awk '
  BEGIN { for (i = 1; i < ARGC; i++) exists[ARGV[i]] = 1 }

  # Reads the rules: allowed[room], bans and private headers, each " word word ".
  FILENAME == rules {
    sub(/#.*/, "")
    if (NF == 0) next
    if ($1 == "reach") next  # header_reach.sh reads it
    split($0, side, / *: */)
    if ($1 == "private") {
      sub(/^private +/, "", side[1])
      private_count++
      private_rooms[private_count] = side[1]
      private_pattern[private_count] = "^" side[2] "$"
    } else if ($1 == "ban") {
      sub(/^ban +/, "", side[1])
      ban_count++
      ban_rooms[ban_count] = side[1]
      ban_pattern[ban_count] = "^" side[2] "$"
    } else {
      sub(/ +$/, "", side[1])
      allowed[side[1]] = side[2]
    }
    next
  }

  FNR == 1 {
    room = ""
    for (name in allowed)
      if (index(FILENAME, name) == 1 && length(name) > length(room)) room = name
    own_header = FILENAME
    includes = sub(/\.cc$/, ".h", own_header) && own_header in exists ? 0 : 1
    is_test = index(FILENAME, "tests/") == 1
    if (room == "" && !is_test) complain("no rule says what this file may include")
  }

  /^[ \t]*#[ \t]*include/ {
    header = $0
    sub(/^[^"<]*["<]/, "", header)
    sub(/[">].*/, "", header)
    if (includes++ == 0 && header != own_header) complain("includes " header " before " own_header)
    for (b = 1; b <= ban_count; b++)
      if (starts_with_any(FILENAME, ban_rooms[b]) && header ~ ban_pattern[b])
        complain(header " is banned in " ban_rooms[b])
    for (p = 1; p <= private_count; p++)
      if (!starts_with_any(FILENAME, private_rooms[p]) && header ~ private_pattern[p])
        complain(header " is private to " private_rooms[p])
    is_ours = !is_test && header ~ /^(model|server|tools|tests|cascade|vllm|smg|google|grpc)\// && header !~ /^google\/protobuf\//
    if (is_ours && index(header, room) != 1 && !starts_with_any(header, allowed[room]))
      complain(header " is above or beside " room)
  }

  function starts_with_any(text, words,   list, n, i) {
    n = split(words, list, " ")
    for (i = 1; i <= n; i++) if (index(text, list[i]) == 1) return 1
    return 0
  }

  function complain(why) {
    print FILENAME ":" FNR ": " why
    breaches++
  }

  END { exit breaches > 0 }
' rules="$rules" "$rules"
