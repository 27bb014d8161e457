#!/usr/bin/env bash
# Makes the checkout's virtual environment from the hashed locks, then hands over to Python.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: lab/setup/bootstrap.sh [--help] ARGUMENT...
Makes .venv (Python 3.11 or newer) from requirements-dev.txt, then runs
`python -m lab.setup ARGUMENT...` in it. PYTHON names the interpreter to use,
BACKPLANE_CACHE the place of what outlives a checkout.
TEXT
}

die() {
  printf 'set-up stopped at: %s\n  reason: %s\n  fix: %s\n' "$1" "$2" "$3" >&2
  exit 1
}

new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if [[ "${1:-}" == --help ]]; then usage; exit 0; fi
cd "$(dirname "$0")/../.."
cache="${BACKPLANE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/backplane}"
stamp="$(cat requirements-dev.txt requirements-uv.txt pyproject.toml lab/setup/bootstrap.sh | cksum)"

if [[ "$(cat .venv/.made-from 2>/dev/null)" != "$stamp" ]] || ! new_enough .venv/bin/python; then
  python=""
  for name in "${PYTHON:-}" python3 python3.{14,13,12,11} /usr/bin/python3; do
    if [[ -n "$name" ]] && new_enough "$name"; then python="$name"; break; fi
  done
  [[ -n "$python" ]] || die "Python" "no Python 3.11 or newer on PATH" "install one, or set PYTHON"
  uv="$(command -v uv || echo "$cache/uv/bin/uv")"
  if [[ ! -x "$uv" ]]; then
    echo "set-up: installing uv from PyPI into $cache/uv"
    "$python" -m venv --clear "$cache/uv" ||
      die "uv" "Python's venv module does not work" "Debian: apt-get install python3-venv"
    "$cache/uv/bin/python" -m pip install --quiet --disable-pip-version-check \
      --require-hashes -r requirements-uv.txt ||
      die "uv" "pip could not install it (see above)" "check the network, then try again"
  fi
  echo "set-up: making .venv from requirements-dev.txt"
  rm -f .venv/.made-from
  if ! new_enough .venv/bin/python; then
    "$uv" venv --quiet --clear --no-python-downloads --python "$python" .venv
  fi
  why="uv could not install them (see above)"
  # Compiled now, whatever PYTHONDONTWRITEBYTECODE says: each preview starts six Python processes.
  "$uv" pip sync --quiet --compile-bytecode --python .venv/bin/python --require-hashes \
    requirements-dev.txt ||
    die "Python packages" "$why" "check the network, then try again"
  "$uv" pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e . ||
    die "Python packages" "$why" "check that pyproject.toml names only folders that exist"
  echo "$stamp" > .venv/.made-from
fi
exec .venv/bin/python -m lab.setup "$@"
