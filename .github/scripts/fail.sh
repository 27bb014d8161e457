#!/usr/bin/env bash
# fail.sh WORDS: ends the job as failed, and says why where it is looked for.
set -euo pipefail

echo "::error::$1"
exit 1
