#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The pictures are as wide as a page shows them, so that their letters can be read, and the scripts draw them
# from what was recorded: the second where there is a Python with matplotlib.
#
#   pictures_test.sh PYTHON...    the first of them that has matplotlib draws
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
most=1000  # pixels

# A PNG has its width in the bytes 16 to 19, the first byte the highest.
check_width() {
  # shellcheck disable=SC2046  # four numbers
  set -- "$1" $(od -An -tu1 -j16 -N4 "$1")
  width=$((($2 * 256 + $3) * 65536 + $4 * 256 + $5))
  if [ "$width" -gt 0 ] && [ "$width" -le "$most" ]; then return; fi
  echo "$1 is $width pixels wide: more than $most are shrunk on a page"
  exit 1
}

for picture in *.png; do check_width "$picture"; done

for python in "$@" none; do
  if "$python" -c 'import matplotlib' 2> /dev/null; then break; fi
done
if [ "$python" = none ]; then
  echo 'pictures_test: not drawn, since no Python here has matplotlib'
  exit 0
fi
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$PWD/peers:$PWD/load"
"$python" -m race.plot peers.json "$work/peers.png" 'a test'
"$python" -m race.plot peers-with-amx.json "$work/peers-with-amx.png" 'a test'
"$python" -m race.plot peers-without-amx.json "$work/peers-without-amx.png" 'a test'
"$python" -m duel.plot load.json "$work/load.png"
for picture in *.png; do
  [ -e "$work/$picture" ] || { echo "nothing draws $picture"; exit 1; }
  check_width "$work/$picture"
done
