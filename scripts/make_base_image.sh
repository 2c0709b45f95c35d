#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Makes a local debian:RELEASE-slim for podman where no image registry can be reached, as root, with mmdebstrap
# and podman. Takes this machine's apt sources for its own release, and the distribution's own mirror for
# another. The image holds the names of those sources: not for publishing.
#
#   make_base_image.sh [RELEASE]    bookworm or trixie
set -eu
release=${1:-bookworm}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# shellcheck disable=SC1091  # not in this repository
if [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" != "$release" ]; then
  sources=
elif [ -e /etc/apt/sources.list.d/debian.sources ]; then
  sources=/etc/apt/sources.list.d/debian.sources
else
  sources=/etc/apt/sources.list
fi

# With an input that is empty, mmdebstrap would read no sources from it.
mmdebstrap --variant=minbase --mode=root \
  --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr --include=usr-is-merged \
  --aptopt='Acquire::Check-Valid-Until "false"' \
  --aptopt='Acquire::Check-Date "false"' \
  --aptopt='Acquire::Languages "none"' \
  --dpkgopt='path-exclude=/usr/share/man/*' \
  --dpkgopt='path-exclude=/usr/share/info/*' \
  --dpkgopt='path-exclude=/usr/share/locale/*' \
  --dpkgopt='path-exclude=/usr/share/doc/*' \
  --dpkgopt='path-include=/usr/share/doc/*/copyright' \
  "$release" "$work/base.tar" ${sources:+"$sources"} < /dev/null

podman import --quiet --change 'CMD ["bash"]' \
  --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
  "$work/base.tar" "localhost/debian:$release-slim"
