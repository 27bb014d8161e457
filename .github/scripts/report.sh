#!/usr/bin/env bash
# report.sh BASE HEAD OUT: a report into OUT of each stack whose file differs between two folders.
# It runs `backplane report` on pairs of files: no engine, no state, no secret. Ends with 1 when a
# proposed declaration is not valid; its report says why.
set -euo pipefail

base="$1" head="$2" out="$3"
backplane="${BACKPLANE:-.venv/bin/backplane}"
mkdir -p "$out"

# Whoever proposes a link proposes to read something else.
files() {
  find "$1" -maxdepth 1 -type f -name 'Pulumi.*.yaml' -printf '%f\n' 2>/dev/null || true
}

failed=0
while read -r name; do
  stack="${name#Pulumi.}"
  stack="${stack%.yaml}"
  [[ "$stack" =~ ^[A-Za-z0-9_-]{1,60}$ ]] || continue
  if cmp -s "$base/$name" "$head/$name"; then continue; fi
  if [[ ! -f "$head/$name" || -L "$head/$name" ]]; then
    printf '<!-- backplane report: %s -->\n## Backplane: %s\n\n%s\n' "$stack" "$stack" \
      "The stack's file goes. Nothing that it has is destroyed by that." >"$out/$stack.md"
    continue
  fi
  "$backplane" report --stack "$stack" --base "$base/$name" --head "$head/$name" \
    --output "$out/$stack.md" || failed=1
done < <({ files "$base"; files "$head"; } | sort -u)
exit "$failed"
