#!/usr/bin/env bash
# install.sh [DEBIAN-PACKAGE...]: `backplane` in .venv from the hashed lock, and what else is named.
set -euo pipefail

cd "$(dirname "$0")/../.."
if (($#)); then
  sudo apt-get -qq update
  sudo apt-get -qq install --no-install-recommends "$@"
fi
python3 -m venv .venv
.venv/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
.venv/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
