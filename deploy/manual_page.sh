#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a manual page of what a program says of itself: its --help on standard input. The text stands as it is;
# a line that ends in a colon and begins at the margin, or begins with "== ", is a heading.
#
#   manual_page.sh NAME VERSION SUMMARY
set -eu
printf '.TH %s 1 "" "cascade %s" "Cascade"\n' "$(echo "$1" | tr '[:lower:]' '[:upper:]')" "$2"
printf '.SH NAME\n%s \\- %s\n.SH DESCRIPTION\n.nf\n' "$(echo "$1" | sed 's/-/\\-/g')" "$3"
sed -e 's/\\/\\e/g' -e 's/-/\\-/g' \
    -e "s/^\([.']\)/\\\\\&\1/" \
    -e 's/^== \(.*\)/.fi\n.SH "\1"\n.nf/' \
    -e 's/^\([A-Z][A-Za-z, ]*\):$/.fi\n.SS \1\n.nf/'
printf '.fi\n'
