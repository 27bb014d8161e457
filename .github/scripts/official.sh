#!/usr/bin/env bash
# official.sh FOLDER...: tests with the official engine and plugins; where one of them is not to be
# had this fails, and no stand-in takes its place. The lab makes machines, which needs root.
set -euo pipefail

export BACKPLANE_PLUGINS=official
sudo --preserve-env "PATH=$PATH" make setup
sudo --preserve-env "PATH=$PATH" make test "ARGS=$*"
