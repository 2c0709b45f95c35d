#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Tests image_context.sh: it passes a tree that agrees with itself, and names each way to disagree.
set -eu
check=$(cd "$(dirname "$0")" && pwd)/image_context.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
failures=0

# A tree that agrees.
plant() {
  mkdir -p "$tree/deploy/base"
  printf '%s\n' 'project(x VERSION 1.2.3)' 'add_subdirectory(model)' 'if(x)' '  add_subdirectory(client)' 'add_subdirectory(model/of/it)' 'endif()' \
    'add_subdirectory(tests)' > "$tree/CMakeLists.txt"
  printf '%s\n' 'COPY CMakeLists.txt LICENSE ./' 'COPY model model' 'COPY client client' 'COPY tests/golden/a tests/golden/a' \
    'COPY scripts/a.sh scripts/' 'COPY --from=build /image /' 'LABEL org.opencontainers.image.version="1.2.3"' \
    > "$tree/Dockerfile"
  printf '%s\n' '*' '!CMakeLists.txt' '!LICENSE' '!client' '!model' '!scripts/a.sh' '!tests/golden' > "$tree/.dockerignore"
  # shellcheck disable=SC2016  # CMake's variable
  echo 'install(FILES ${PROJECT_SOURCE_DIR}/LICENSE a DESTINATION doc)' > "$tree/deploy/CMakeLists.txt"
  printf '%s\n' 'images:' '  - name: x' '    newTag: 1.2.3' 'labels:' '      app.kubernetes.io/version: 1.2.3' \
    > "$tree/deploy/base/kustomization.yaml"
  printf '%s\n' '# Changelog' '## 1.2.3 (unreleased)' '## 1.2.2' > "$tree/CHANGELOG.md"
}

# refuses WORDS FILE SCRIPT: after sed's SCRIPT on FILE, the check fails with WORDS.
refuses() {
  plant
  sed -i "$3" "$tree/$2"
  if ! sh "$check" "$tree" > "$tree/out" && grep -q "$1" "$tree/out"; then return; fi
  echo "not refused: $1"
  failures=$((failures + 1))
}

plant
sh "$check" "$tree" || { echo 'refused, and it is allowed: a tree that agrees'; failures=1; }
refuses 'does not copy client' Dockerfile '/client/d'
refuses 'does not copy LICENSE' Dockerfile 's/ LICENSE//'
refuses 'keeps model from' .dockerignore '/model/d'
refuses 'keeps scripts/a.sh from' .dockerignore '/a.sh/d'
refuses 'its label has another version' Dockerfile 's/1\.2\.3/1.2.4/'
refuses 'names another version' deploy/base/kustomization.yaml 's/newTag: 1\.2\.3/newTag: 1.2.4/'
refuses 'names another version' deploy/base/kustomization.yaml 's/version: 1\.2\.3/version: 1.2.30/'
refuses 'begins with 1.2.4' CHANGELOG.md 's/1\.2\.3/1.2.4/'

exit "$failures"
