#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lets the shells that there are complete command lines of cascade.
#
#   completion_test.sh CASCADE    the program
set -eu
cascade=$1
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
for shell in bash zsh fish; do "$cascade" completion "$shell" > "$folder/$shell"; done

# What each shell offers for a command line, one a line. `expect` calls these by names that it makes, and
# what stands in single quotes is for the other shell.
# shellcheck disable=SC2317,SC2016
{
bash_candidates() {
  bash --norc -c '
    source "$1"
    read -ra COMP_WORDS <<< "$2"
    [[ $2 != *" " ]] || COMP_WORDS+=("")
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _cascade
    printf "%s\n" "${COMPREPLY[@]}"' bash "$folder/bash" "$1"
}
zsh_candidates() {
  # zsh completes in a terminal only: one is made, in which a key lists the candidates at once, and prints a
  # mark behind them. The marks are typed in pieces, so that no echo is taken for them.
  zsh -f -c '
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "PS1= PS2= && autoload -U compinit && compinit -u -d $1/dump && source $1/zsh"
    zpty -w shell "list() { zle list-choices; zle -R; print end-of\${:--list} }"
    zpty -w shell "zstyle \":completion:*\" list-colors no=0 && zle -N list && bindkey \"^I\" list"
    zpty -w shell "zstyle \":completion:*\" verbose no && LISTMAX=9999 && print rea\${:-dy}"
    zpty -r -m shell line "*ready*"
    zpty -w -n shell "$2"$'"'\\t'"'
    zpty -r -m shell line "*end-of-list*"
    print -r -- "$line"' zsh "$folder" "$1" < /dev/null |
    sed "s/$(printf '\033')\[[0-9;?]*[A-Za-z]/ /g" | tr -s ' \t\r' '\n'
}
fish_candidates() {
  HOME=$folder XDG_CONFIG_HOME=$folder fish --no-config -c '
    source $argv[1]
    complete -C $argv[2]' "$folder/fish" "$1" | cut -f 1
}
}

failures=0
# expect SHELL LINE CANDIDATE: the shell offers it.
expect() {
  if "${1}_candidates" "$2" | grep -qxF -e "$3" -e "$3="; then return; fi
  echo "completion_test: $1 does not offer \"$3\" after \"$2\", but:" >&2
  "${1}_candidates" "$2" >&2
  failures=$((failures + 1))
}

for shell in bash zsh fish; do
  if ! command -v "$shell" > /dev/null; then
    echo "completion_test: no $shell here"
    continue
  fi
  "$shell" -n "$folder/$shell"
  expect "$shell" 'cascade ' generate
  expect "$shell" 'cascade tok' tokenize
  expect "$shell" 'cascade comp' completion
  expect "$shell" 'cascade re' repl
  expect "$shell" 'cascade repl --temp' --temperature
  expect "$shell" 'cascade generate --temp' --temperature
  expect "$shell" 'cascade generate --ignore' --ignore_eos
  expect "$shell" 'cascade check --gol' --golden
  expect "$shell" 'cascade health --se' --service
  expect "$shell" 'cascade health --se' --server
  echo "completion_test: $shell done"
done
exit "$failures"
