#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Holds the Dockerfile against the build, without building an image: each folder that the root's CMakeLists.txt
# adds and each file of the root that is installed are copied, each path that is copied is in .dockerignore's list;
# and the project's version is that of the image's label, of the manifests' tags and labels, and at the changelog's
# top.
#
#   image_context.sh ROOT    prints each breach; fails if there is one
set -eu
cd "$1"
breaches=0

breach() {
  echo "$1"
  breaches=$((breaches + 1))
}

# What is copied from the context: all words of a COPY but the last one, which says where to.
copied=$(awk '$1 == "COPY" && $2 !~ /^--from/ { for (i = 2; i < NF; i++) print $i }' Dockerfile)

added=$(sed -n 's/^ *add_subdirectory(\([^ )]*\).*/\1/p' CMakeLists.txt)
for folder in $added; do
  [ "$folder" != tests ] || continue  # the image is built without them
  echo "$copied" | grep -qx -e "$folder" -e "${folder%%/*}" ||
    breach "Dockerfile:1: does not copy $folder, which CMakeLists.txt adds"
done

installed=$(grep -oE '\$\{PROJECT_SOURCE_DIR\}/[A-Za-z_.]+( |$)' deploy/CMakeLists.txt | sed 's|.*/||')
for file in $installed; do
  echo "$copied" | grep -qx "$file" || breach "Dockerfile:1: does not copy $file, which deploy/CMakeLists.txt installs"
done

for path in $copied; do
  allowed=
  while read -r line; do
    case $path/ in "${line#!}"/*) allowed=yes ;; esac
    case ${line#!} in "${path%/}"/*) allowed=yes ;; esac  # of a folder, what there is of it
  done << END
$(grep '^!' .dockerignore)
END
  [ -n "$allowed" ] || breach ".dockerignore:1: keeps $path from the Dockerfile, which copies it"
done

version=$(sed -n 's/^project(.* VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
grep -q "image\.version=\"$version\"" Dockerfile || breach "Dockerfile:1: its label has another version than $version"
latest=$(sed -n '/^## /{s/^## \([^ ]*\).*/\1/p;q}' CHANGELOG.md)
[ "$latest" = "$version" ] || breach "CHANGELOG.md:1: begins with $latest, and the project is $version"
manifests=$(find deploy -name kustomization.yaml)
for file in $manifests; do
  if grep -E 'newTag:|kubernetes.io/version:' "$file" | grep -qvE "(newTag|/version): $version( |\$)"; then
    breach "$file:1: names another version than $version"
  fi
done

[ "$breaches" -eq 0 ]
