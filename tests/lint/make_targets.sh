#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every `make TARGET` that a page names is a target of the Makefile, every target with a help text is in .PHONY
# (a file of its name would hide it), and every script that the Makefile runs is there.
#
#   make_targets.sh ROOT    prints each breach; fails if there is one
set -eu
cd "$1"
breaches=0

breach() {
  echo "$1"
  breaches=$((breaches + 1))
}

targets=$(sed -n 's/^\([a-z0-9-]*\):.*##.*/\1/p' Makefile)
phony=$(sed -n '/^\.PHONY:/,/[^\\]$/p' Makefile | tr -s '[:space:]' '\n')
pages=$(find . -name build -prune -o -name '*.md' -print | sort)

# In code only: `make test`, or a line of a block. Of `make test ARGS=x` the words before ARGS.
# shellcheck disable=SC2016,SC2086  # awk's dollars; a list of words
named=$(awk '
  FNR == 1 { in_block = 0 }
  /^```/ { in_block = !in_block; next }
  in_block && /^(sudo )?make [a-z]/ { print }
  !in_block { for (rest = $0; match(rest, /`make [a-z][^`]*/); rest = substr(rest, RSTART + RLENGTH + 1))
                print substr(rest, RSTART + 1, RLENGTH - 1) }
' $pages | sed -E 's/^(sudo )?make //' | grep -oE '^[a-z0-9-]+( [a-z0-9-]+( |$))*' | tr ' ' '\n' | sort -u)
for target in $named; do
  echo "$targets" | grep -qx "$target" || breach "Makefile:1: has no target $target, which a page names"
done
for target in $targets; do
  echo "$phony" | grep -qx "$target" || breach "Makefile:1: $target is not in .PHONY"
done
scripts=$(grep -oE '(scripts|tests|\.ci)/[a-z_/]*[a-z_](\.sh|\.py|/run)' Makefile | sort -u)
for script in $scripts; do
  [ -x "$script" ] || breach "Makefile:1: runs $script, which is not there or no program"
done

[ "$breaches" -eq 0 ]
