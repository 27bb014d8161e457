#!/usr/bin/env bash
# up.sh STACK: looks which nodes answer, changes the mesh as one, verifies it.
# The runner's tunnel needs root; the environment has the stack's passphrase and tokens.
set -euo pipefail

stack="$1"
backplane="${BACKPLANE:-.venv/bin/backplane}"
sudo --preserve-env "PATH=$PATH" "$backplane" up --stack "$stack" \
  --yes --skip-preview --non-interactive
sudo --preserve-env "PATH=$PATH" "$backplane" verify --stack "$stack"
