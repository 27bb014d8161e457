#!/usr/bin/env bash
# report.sh BASE HEAD OUT: a report into OUT of each stack whose file differs between two folders.
# It runs `backplane report` on pairs of files: no engine, no state, no secret. Ends with 1 when a
# proposed declaration is not valid; its report says why.
set -euo pipefail

base="$1" head="$2" out="$3"
backplane="${BACKPLANE:-.venv/bin/backplane}"
mkdir -p "$out"

files() {
  find "$1" -maxdepth 1 -name 'Pulumi.*.yaml' -printf '%f\n' 2>/dev/null || true
}

# A line of a file that is printed must be no command of the runner's.
echo "::stop-commands::$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')"

failed=0
say() {
  printf '<!-- backplane report: %s -->\n## Backplane: %s\n\n%s\n' "$1" "$1" "$2" >"$out/$1.md"
}
if [[ -L "$head" || -L "$(dirname "$head")" ]]; then
  echo "report.sh: $head is a link, which is not followed" >&2
  exit 1
fi
while read -r name; do
  stack="${name#Pulumi.}"
  stack="${stack%.yaml}"
  [[ "$stack" =~ ^[A-Za-z0-9_-]{1,60}$ ]] || continue
  if [[ -L "$head/$name" ]]; then
    say "$stack" "**The stack's file is a link**, which is not followed."
    failed=1
  elif [[ ! -f "$head/$name" ]]; then
    say "$stack" "The stack's file goes. Nothing that it has is destroyed by that."
  elif ! cmp -s "$base/$name" "$head/$name"; then
    "$backplane" report --stack "$stack" --base "$base/$name" --head "$head/$name" \
      --output "$out/$stack.md" || failed=1
  fi
done < <({ files "$base"; files "$head"; } | sort -u)
exit "$failed"
