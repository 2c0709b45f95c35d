#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Refuses a constant or a type that two headers define in one namespace. Each such pair breaks the one
# definition rule: the linker keeps one definition for both, silently, and which one depends on the order of
# the objects. An optimizing compiler often hides the defect by folding the constant.
#
#   one_definition.sh ROOT    prints each second definition as file:line: why; fails if there is one
#
# Read are definitions at namespace scope that begin in the first column, as clang-format leaves them:
# `inline constexpr TYPE NAME`, and `class`, `struct`, `union` and `enum` with a body.
set -eu
cd "$1"

# shellcheck disable=SC2016  # awk's own dollars
find model server tools tests -name '*.h' | sort | xargs awk '
  FNR == 1 { depth = 0; declaration = "" }

  /^(inline )?namespace [A-Za-z_:0-9]+ \{/ { scope[++depth] = $0; sub(/^.*namespace /, "", scope[depth]); sub(/ .*/, "", scope[depth]); next }
  /^namespace \{/ { scope[++depth] = FILENAME; next }  # unnamed: a namespace of this file alone
  /^\}  *\/\/ namespace/ { depth--; next }

  # A constant: its declaration may reach over several lines, up to its initializer.
  declaration != "" { declaration = declaration " " $0 }
  /^inline (constexpr|const) / { declaration = $0 }
  declaration ~ /[={;(]/ {
    name = declaration
    declaration = ""
    end = match(name, /[={;(]/)
    if (substr(name, end, 1) == "(") next  # a function, which may have overloads
    name = substr(name, 1, end - 1)
    sub(/\[.*/, "", name)
    sub(/ +$/, "", name)
    sub(/.*[^A-Za-z_0-9]/, "", name)
    define(name)
  }

  /^(class|struct|union|enum|enum class|enum struct) [A-Za-z_0-9 ]+.*\{/ {
    name = $0
    sub(/^enum (class|struct) /, "enum ", name)
    sub(/^[a-z]+ /, "", name)
    sub(/ *(final)? *[:{].*/, "", name)
    sub(/.* /, "", name)
    define(name)
  }

  function define(name,   i, full) {
    full = ""
    for (i = 1; i <= depth; i++) full = full scope[i] "::"
    full = full name
    if (full in first && first[full] !~ ("^" FILENAME ":")) {
      print FILENAME ":" FNR ": " full " is defined at " first[full] " too"
      breaches++
    }
    if (!(full in first)) first[full] = FILENAME ":" FNR
  }

  END { exit breaches > 0 }
'
