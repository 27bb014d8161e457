#!/usr/bin/env bash
# Draws the pictures of the documentation anew, from what stacks/ declares.
set -euo pipefail

if [[ "${1:-}" == --help ]]; then
  echo "usage: docs/pictures/draw.sh [--help]"
  echo "Writes docs/pictures/lab.svg from stacks/Pulumi.lab.yaml; a test compares the two."
  exit 0
fi
cd "$(dirname "$0")/../.."
exec .venv/bin/python -m scripts.cli map --plan --stack lab --svg --out docs/pictures/lab.svg
