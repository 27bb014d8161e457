#!/usr/bin/env bash
# drift.sh STACK: what is live against what was declared; the findings go into the run's summary.
set -euo pipefail

stack="$1"
backplane="${BACKPLANE:-.venv/bin/backplane}"
code=0
said="$(sudo --preserve-env "PATH=$PATH" "$backplane" --no-color drift --stack "$stack")" || code=$?
printf '%s\n' "$said"
# shellcheck disable=SC2016 # these backticks are Markdown's
printf '## Drift of %s\n\n```text\n%s\n```\n' "$stack" "$said" >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
exit "$code"
