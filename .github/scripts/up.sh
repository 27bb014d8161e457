#!/usr/bin/env bash
# up.sh STACK: what the policy says of the preview; then, looking which nodes answer, the mesh is
# changed as one, verified, and judged once more as it is.
# The runner's tunnel needs root; the environment has the stack's passphrase and tokens.
set -euo pipefail

stack="$1"
backplane="${BACKPLANE:-.venv/bin/backplane}"
document="$(mktemp)"
trap 'rm -f "$document"' EXIT

pulumi preview --stack "$stack" --json --non-interactive >"$document"
"$backplane" policy --preview "$document"
sudo --preserve-env "PATH=$PATH" "$backplane" up --stack "$stack" \
  --yes --skip-preview --non-interactive
sudo --preserve-env "PATH=$PATH" "$backplane" verify --stack "$stack"
"$backplane" policy --stack "$stack"
