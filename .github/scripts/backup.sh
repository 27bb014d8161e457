#!/usr/bin/env bash
# backup.sh STACK OUT: OUT/STACK.age, sealed for stacks/STACK.recipients and nobody else; what it is
# goes into the run's summary. No passphrase is needed, and none that is there is used.
set -euo pipefail

stack="$1" out="$2"
backplane="${BACKPLANE:-.venv/bin/backplane}"
unset PULUMI_CONFIG_PASSPHRASE PULUMI_CONFIG_PASSPHRASE_FILE
mkdir -p "$out"
said="$("$backplane" --no-color backup --stack "$stack" \
  --recipients-file "stacks/$stack.recipients" --out "$out/$stack.age")"
sum="$(sha256sum "$out/$stack.age")"
printf '%s\n' "$said" "$sum"
# shellcheck disable=SC2016 # these backticks are Markdown's
printf '## Backup of %s\n\n```text\n%s\n%s\n```\n' "$stack" "$said" "$sum" \
  >>"${GITHUB_STEP_SUMMARY:-/dev/null}"
