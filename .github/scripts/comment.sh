#!/usr/bin/env bash
# comment.sh KIND FOLDER [STACK]: a comment on pull request NUMBER for each FOLDER/STACK.md, edited
# where there is one already. A comment of KIND on a stack that has no file any more goes; of one
# STACK alone if it is named. Needs GH_TOKEN, GITHUB_REPOSITORY and NUMBER.
set -euo pipefail

kind="$1" folder="$2" only="${3:-}"
[[ "$NUMBER" =~ ^[0-9]+$ ]] || { echo "comment.sh: NUMBER is no number" >&2; exit 2; }
here="repos/$GITHUB_REPOSITORY/issues"
found="$(gh api --paginate "$here/$NUMBER/comments" --jq '.[]
  | select(.user.login == "github-actions[bot]")
  | [.id, (.body | capture("^<!-- backplane (?<kind>[a-z]+): (?<stack>[A-Za-z0-9_-]+) -->")
      | .kind, .stack)] | @tsv')"

for file in "$folder"/*.md; do
  [[ -f "$file" ]] || continue
  stack="$(basename "$file" .md)"
  body="$(mktemp)"
  { printf '<!-- backplane %s: %s -->\n' "$kind" "$stack"; tail -n +2 "$file"; } >"$body"
  id="$(awk -v k="$kind" -v s="$stack" '$2 == k && $3 == s { print $1; exit }' <<<"$found")"
  if [[ -n "$id" ]]; then
    gh api --silent --method PATCH "$here/comments/$id" --field "body=@$body"
  else
    gh api --silent --method POST "$here/$NUMBER/comments" --field "body=@$body"
  fi
  rm -f "$body"
done

while read -r id told stack; do
  [[ "$told" == "$kind" && ( -z "$only" || "$stack" == "$only" ) ]] || continue
  [[ -f "$folder/$stack.md" ]] || gh api --silent --method DELETE "$here/comments/$id"
done <<<"$found"
