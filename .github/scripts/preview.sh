#!/usr/bin/env bash
# preview.sh STACK OUT: the engine's preview of a stack, judged by the policy, as OUT/STACK.md.
# Its JSON holds values that are no secrets and yet nobody's business, so it is not kept.
set -euo pipefail

stack="$1" out="$2"
backplane="${BACKPLANE:-.venv/bin/backplane}"
mkdir -p "$out"
document="$(mktemp)"
trap 'rm -f "$document"' EXIT

code=0
pulumi preview --stack "$stack" --json --non-interactive >"$document" || code=$?
"$backplane" report --stack "$stack" --preview "$document" --output "$out/$stack.md"
"$backplane" policy --preview "$document" || code=1
exit "$code"
