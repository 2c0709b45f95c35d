#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The two programs together, as a user has them: cascade_cli_test.sh BIN, the folder of both.
set -eu
bin=$(cd "$1" && pwd)
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
. "$root/tests/interop/server.sh"
trap 'stop_server || true; rm -rf "$work"' EXIT
failures=0

fail() {
  echo "FAILED: $*"
  sed 's/^/  out: /' "$work/out"
  sed 's/^/  err: /' "$work/err"
  failures=$((failures + 1))
}

# expect CODE ARGUMENT...: runs cascade, its streams in $work/out and $work/err.
expect() {
  code=$1
  shift
  status=0
  "$bin/cascade" "$@" > "$work/out" 2> "$work/err" < /dev/null || status=$?
  [ "$status" -eq "$code" ] || fail "exit status $status, not $code: cascade $*"
}

out_has() { grep -q -e "$1" "$work/out" || fail "the output has no '$1'"; }
err_has() { grep -q -e "$1" "$work/err" || fail "the error stream has no '$1'"; }

expect 0 --version
out_has '^cascade [0-9.]*\( ([0-9a-f]*)\)\{0,1\}$'
"$bin/cascade-server" --version | sed 's/^cascade-server /cascade /' | cmp - "$work/out" || fail 'two versions'
expect 0 --help
out_has '^  completion '
expect 0 help generate
out_has '^cascade generate '
expect 2 help no_such_command
err_has 'no command "no_such_command"$'
expect 2 generat 'Once'
err_has 'no command "generat"; is it generate?$'
expect 2 generate --max_tokens=5 'Once'
err_has 'no flag --max_tokens; is it --max_new_tokens?$'

# What people write instead of HOST:PORT.
expect 2 health --server=http://localhost:50051/v1
err_has 'has no URL; write --server=localhost:50051$'
expect 2 health --server=grpcs://host:1
err_has 'write --server=host:1, and --tls for TLS$'
for server in localhost localhost: '[::1]'; do
  expect 2 health "--server=localhost:50051,$server"
  err_has "has no port; write --server=[]:[a-z1]*:50051\$"
done
status=0
CASCADE_SERVER='' "$bin/cascade" health > "$work/out" 2> "$work/err" || status=$?
[ "$status" -eq 2 ] || fail "exit status $status, not 2: an empty CASCADE_SERVER"
err_has 'names no server.*CASCADE_SERVER'

# The server knows which variables are the client's, and does not take them for misspelled ones of its own.
variables=$("$bin/cascade" help --all | grep -o 'CASCADE_[A-Z_]*' | sort -u)
[ "$(echo "$variables" | wc -l)" -ge 6 ] || fail "the client's help names few variables: $variables"
status=0
# shellcheck disable=SC2046  # several arguments
env $(echo "$variables" | sed 's/$/=x/') CASCADE_LISTEN=127.0.0.1:0 "$bin/cascade-server" --model=/does/not/exist \
  > "$work/out" 2> "$work/err" || status=$?
[ "$status" -eq 1 ] || fail "exit status $status, not 1: a server without its model"
! grep 'sets no flag' "$work/err" || fail "the server takes a variable of the client for its own"

start_server

expect 0 health
out_has '^SERVING$'
expect 0 health --service=cascade.v1.TextGeneration
expect 0 health --service=
# As in a container, where server and health check have one environment.
env --unset=CASCADE_SERVER "CASCADE_LISTEN=0.0.0.0:${CASCADE_SERVER##*:}" "$bin/cascade" health > "$work/out" \
  2> "$work/err" || fail 'health does not follow CASCADE_LISTEN'
expect 1 health --service=no.such.Service
err_has NOT_FOUND

# The same request, the same bytes; another seed, others.
expect 0 generate --seed=7 --max_new_tokens=40 'Once upon a time'
err_has 'seed 7'
cp "$work/out" "$work/first"
expect 0 generate --seed=7 --max_new_tokens=40 'Once upon a time'
cmp "$work/out" "$work/first" || fail 'the same request gave other text'
expect 0 generate --seed=8 --max_new_tokens=40 'Once upon a time'
cmp -s "$work/out" "$work/first" && fail 'another seed gave the same text'

# The random seed that it reports gives the text again.
expect 0 generate --max_new_tokens=20 'The old king'
cp "$work/out" "$work/first"
seed=$(sed -n 's/.*seed \([0-9]*\).*/\1/p' "$work/err")
expect 0 generate --seed="$seed" --max_new_tokens=20 'The old king'
cmp "$work/out" "$work/first" || fail "seed $seed did not give the text again"

# Tokens, and a prompt of tokens.
expect 0 tokenize --ids 'Once upon a time'
ids=$(cat "$work/out")
# shellcheck disable=SC2086  # several arguments
expect 0 detokenize $ids
out_has '^Once upon a time$'
expect 0 generate --temperature=0 --max_new_tokens=10 'Once upon a time'
cp "$work/out" "$work/first"
expect 0 generate --temperature=0 --max_new_tokens=10 --token_ids="$(echo "$ids" | tr ' ' ',')"
cmp "$work/out" "$work/first" || fail 'token ids gave other text than the text they are of'

expect 0 generate --json --logprobs --candidates=2 --max_new_tokens=2 --temperature=0 'Once'
out_has '^{"prompt":'
out_has '"candidates":\['
out_has '"reason":"FINISH_REASON_MAX_TOKENS"'
out_has '"fingerprint":'
expect 0 model
out_has '^name  *tales-7m$'
expect 0 model --json
out_has '"n_layer":8'

# Refused: every wrong field on a line of its own.
expect 1 generate --top_p=2 --temperature=-1 'Once'
err_has '^cascade: INVALID_ARGUMENT'
err_has '^  sampling.top_p: .* (--top_p)$'
err_has '^  sampling.temperature: .* (--temperature)$'
expect 1 generate --repetition_penalty=-1 'Once'
err_has '^  penalties.repetition: .* (--repetition_penalty)$'
expect 1 generate ''
err_has INVALID_ARGUMENT

# start_long_answer: an answer that cannot end before it is read, because it is more than pipe and
# transport hold. Its first line is read; fd 3 has the rest.
mkfifo "$work/pipe"
start_long_answer() {
  "$bin/cascade" generate --json --logprobs --candidates=20 --ignore_eos --max_new_tokens=500 \
    --seed=1 'Once' > "$work/pipe" 2> "$work/err" &
  client=$!
  exec 3< "$work/pipe"
  head -c 1 <&3 > /dev/null
}

# Ctrl-C in the middle of an answer cancels it, and the server goes on.
start_long_answer
kill -INT "$client"
cat <&3 > "$work/out"
status=0
wait "$client" || status=$?
[ "$status" -eq 130 ] || fail "exit status $status, not 130, after Ctrl-C"
err_has 'interrupted'
expect 0 health

# SIGTERM in the middle of an answer: the answer ends whole, and the server ends with 0.
start_long_answer
kill "$server"
cat <&3 > "$work/out"
wait "$client" || fail 'the draining server did not finish an answer'
out_has '"generated_tokens":500'
wait "$server" || fail "the server ended with $?"
server=

expect 1 health
err_has 'no server answers'
err_has 'make run'

[ "$failures" -eq 0 ] && echo 'cascade_cli_test: all well'
exit "$failures"
