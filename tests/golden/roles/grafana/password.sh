#!/bin/sh
# password.sh FILE: gives Grafana's admin the password in FILE, if there is an admin yet.
# Its setting is for the first start alone, which makes the admin.
set -eu
db=/var/lib/backplane-grafana/grafana.db
[ -s "$db" ] || exit 0
admins=$(python3 -c 'import sqlite3, sys
made = sqlite3.connect(sys.argv[1]).execute
there = made("select count(*) from sqlite_master where name = ?", ["user"]).fetchone()[0]
print(made("select count(*) from user where id = 1").fetchone()[0] if there else 0)' "$db")
[ "$admins" = 1 ] || exit 0
exec /usr/share/grafana/bin/grafana cli --homepath=/usr/share/grafana --config=/run/backplane/active/roles/grafana/grafana.ini admin reset-admin-password --password-from-stdin <"$1"
