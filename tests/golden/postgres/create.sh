set -eu
data=/var/lib/backplane-postgres/17
[ ! -s "$data/PG_VERSION" ] || exit 0
rm -rf "$data.new"
/usr/lib/postgresql/17/bin/initdb --pgdata="$data.new" --username=postgres \
    --auth-local=peer --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --data-checksums
mv --no-target-directory "$data.new" "$data"
sync "$data" "$(dirname "$data")"
