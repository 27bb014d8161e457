#!/usr/bin/env bash
# preview.sh STACK OUT: the engine's preview of a stack and what the policy finds, as OUT/STACK.md.
# Its JSON holds values that are no secrets and yet nobody's business, so it is not kept.
set -euo pipefail

stack="$1" out="$2"
backplane="${BACKPLANE:-.venv/bin/backplane}"
mkdir -p "$out"
document="$(mktemp)"
trap 'rm -f "$document"' EXIT

code=0
pulumi preview --stack "$stack" --json --non-interactive >"$document" || code=$?
"$backplane" report --stack "$stack" --preview "$document" --output "$out/$stack.md" || code=1
found="$("$backplane" --no-color policy --preview "$document" 2>&1)" || code=1
printf '%s\n' "$found"
# shellcheck disable=SC2016 # these backticks are Markdown's
printf '\n### Policy\n\n````text\n%s\n````\n' "$found" >>"$out/$stack.md"
exit "$code"
