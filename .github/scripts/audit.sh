#!/usr/bin/env bash
# audit.sh STACK: knock from outside; the report goes into the run's summary. AUDIT_FROM is the
# vantage, AUDIT_OPTIONS are words for the verb; for ssh: AUDIT_SSH_KEY and AUDIT_KNOWN_HOSTS.
set -euo pipefail

stack="$1"
backplane="${BACKPLANE:-.venv/bin/backplane}"
read -r -a options <<<"${AUDIT_OPTIONS:-}"
if [[ -n ${AUDIT_SSH_KEY:-} ]]; then
  # The key stays in the agent's memory.
  eval "$(ssh-agent -s)" >/dev/null
  trap 'ssh-agent -k >/dev/null' EXIT
  ssh-add -q - <<<"$AUDIT_SSH_KEY"
  unset AUDIT_SSH_KEY
  install -d -m 700 "$HOME/.ssh"
  printf '%s\n' "${AUDIT_KNOWN_HOSTS:-}" >>"$HOME/.ssh/known_hosts"
fi
"$backplane" --no-color audit --stack "$stack" --from "${AUDIT_FROM:-local}" \
  --markdown "${GITHUB_STEP_SUMMARY:-/dev/null}" "${options[@]}"
