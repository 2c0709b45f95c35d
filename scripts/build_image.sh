#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the image, with Docker if its engine runs, else with podman. Every time in it is that of the commit,
# so that one commit, built again with the same base image and the same packages, gives the same digest. (Of
# podman's the digest in OCI format: to Docker's, podman adds the name of the container that it built in.)
#
#   build_image.sh TAG [ARGUMENT...]    arguments of the engine's build command, such as --no-cache
set -eu
cd "$(dirname "$0")/.."
tag=$1
shift
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
export SOURCE_DATE_EPOCH
revision=$(git rev-parse HEAD)

if docker info > /dev/null 2>&1; then
  docker buildx build --build-arg "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" --build-arg "REVISION=$revision" \
    --provenance=false \
    --output "type=docker,rewrite-timestamp=true" -t "$tag" "$@" .
else
  # Docker's format: podman's own has no health checks. No history: it has random ids of intermediate images.
  BUILDAH_ISOLATION="${BUILDAH_ISOLATION:-chroot}" podman build --format docker --omit-history \
    --build-arg "BUILDPLATFORM=linux/$(podman info --format '{{.Host.Arch}}')" \
    --build-arg "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" --build-arg "REVISION=$revision" \
    --timestamp "$SOURCE_DATE_EPOCH" -t "$tag" "$@" .
fi
