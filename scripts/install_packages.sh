#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the packages of some groups, on Debian 12 or 13 or Ubuntu 24.04; does nothing, quickly, if all
# are there.
#
#   install_packages.sh GROUP...    build, test, image, cross, package, sanitize, lint, bench, peers, aarch64, cache
set -eu

say() { printf 'install_packages: %s\n' "$*" >&2; }

system_name() {
  # shellcheck disable=SC1091  # not in this repository
  (. /etc/os-release && printf '%s %s' "${ID:-unknown}" "${VERSION_ID:-}") 2>/dev/null || printf unknown
}

packages_of() {
  case $1 in
    build)
      echo cmake ninja-build g++ make pkg-config \
        libgrpc++-dev libprotobuf-dev libssl-dev protobuf-compiler protobuf-compiler-grpc \
        libabsl-dev libeigen3-dev libhwy-dev libpcre2-dev libutf8proc-dev nlohmann-json3-dev \
        libspdlog-dev libxxhash-dev libmicrohttpd-dev prometheus-cpp-dev libedit-dev ;;
    test) echo libgtest-dev libgmock-dev ;;
    image) echo ca-certificates ;;
    # For who builds for arm64 on another machine; needs `dpkg --add-architecture arm64` before.
    cross) echo cmake ninja-build g++ g++-aarch64-linux-gnu pkg-config qemu-user protobuf-compiler protobuf-compiler-grpc \
        libeigen3-dev nlohmann-json3-dev libgrpc++-dev:arm64 libprotobuf-dev:arm64 libssl-dev:arm64 libabsl-dev:arm64 \
        libhwy-dev:arm64 libpcre2-dev:arm64 libutf8proc-dev:arm64 libspdlog-dev:arm64 libxxhash-dev:arm64 \
        libmicrohttpd-dev:arm64 prometheus-cpp-dev:arm64 libedit-dev:arm64 ;;
    package) echo dpkg-dev ;;  # tells cpack what the programs are linked with
    sanitize)
      case $(system_name) in
        ubuntu*) echo clang llvm libclang-rt-18-dev ;;
        'debian 13') echo clang llvm libclang-rt-19-dev ;;
        *) echo clang llvm libclang-rt-14-dev ;;
      esac ;;
    lint) echo clang-format clang-tidy git python3-venv shellcheck zsh fish ;;
    bench) echo libbenchmark-dev ;;
    peers) echo python3 python3-venv python3-dev ;;
    cache) echo ccache ;;
    aarch64) echo g++-aarch64-linux-gnu qemu-user ;;
    *) say "there is no group \"$1\": build, test, image, cross, package, sanitize, lint, bench, peers, aarch64, cache"; exit 2 ;;
  esac
}

# Those of the packages that are not installed.
missing_of() {
  for package in "$@"; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
    [ "$state" = installed ] || echo "$package"
  done
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo > /dev/null; then
    sudo "$@"
  else
    say "not root, and there is no sudo: run as root: $*"
    exit 1
  fi
}

packages=$(for group in "$@"; do packages_of "$group"; done | tr '\n' ' ')
if ! command -v dpkg-query > /dev/null; then
  say "no Debian package manager here. Install the likes of: $packages"
  say 'then: make INSTALL=true ...'
  exit 1
fi
# shellcheck disable=SC2086  # a list of words
missing=$(missing_of $packages)
[ -n "$missing" ] || exit 0

case $(system_name) in
  'debian 12' | 'debian 13' | 'ubuntu 24.04') ;;
  *) say "this is $(system_name); known to work are debian 12 and 13, and ubuntu 24.04. Trying." ;;
esac
say "installing $(echo "$missing" | tr '\n' ' ')"
as_root apt-get update -qq
# shellcheck disable=SC2086
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
