"""The postgres role: PostgreSQL, on management or, by declaration, on storage; on no other address.

PostgreSQL binds once, at its start: an address that is not there then costs a warning, and it never
listens on it. So its unit comes behind the plane, and every node has `ip_nonlocal_bind=1`, with
which it binds to an address that comes late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from backplane import planes
from backplane.roles import units
from backplane.roles.base import Parts, Role, at

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME = "postgres"
PLANES = (planes.MANAGEMENT.slot, planes.STORAGE.slot)
"""The slots that a declaration may choose; the first unless it does."""

MAJORS = {"debian-12": 15, "debian-13": 17, "ubuntu-24.04": 16}
"""The version that each image has."""

PORT = 5432
CONFIG, ACCESS, USERS, CREATE = "postgresql.conf", "pg_hba.conf", "pg_ident.conf", "create.sh"
_RUN = "backplane-postgres"
_STATE = "backplane-postgres"

# Nothing in here says who may come in: ALTER SYSTEM overrules a file, and not the unit's words.
_CONFIG = """\
cluster_name = 'backplane'
log_line_prefix = '%q%u@%d '
password_encryption = 'scram-sha-256'
"""

_USERS = "# No system user has the name of another in the database.\n"

# Debian's package makes a cluster of its own when it is installed, unless this is there before.
_AHEAD = {"/etc/postgresql-common/createcluster.d/backplane.conf": "create_main_cluster = off\n"}


def access(supernets: tuple[str, ...]) -> str:
    """Who may come in, and how: pg_hba.conf. Every line that is not there is a refusal.

    Args:
        supernets: of the plane, one for each family.
    """
    lines = [f"local {what} all peer" for what in ("all", "replication")]
    for net in supernets:
        lines += [f"host {what} all {net} scram-sha-256" for what in ("all", "replication")]
    return "".join(f"{line}\n" for line in lines)


def create(programs: str, data: str) -> str:
    """The script that makes an empty cluster where there is none.

    A power cut in the middle leaves nothing that looks whole, and what is there and is no cluster
    is left alone: the last step then fails.

    Args:
        programs: where PostgreSQL's programs are.
        data: the cluster's directory.
    """
    return f"""\
set -eu
data={data}
[ ! -s "$data/PG_VERSION" ] || exit 0
rm -rf "$data.new"
{programs}/initdb --pgdata="$data.new" --username=postgres \\
    --auth-local=peer --auth-host=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --data-checksums
mv --no-target-directory "$data.new" "$data"
sync "$data" "$(dirname "$data")"
"""


def _parts(plan: Plan, node: PlanNode) -> Parts:
    ((slot, _, _),) = plan.known[NAME].listens
    own, plane, major = node.addresses[slot], plan.plane(slot), MAJORS[node.image]
    programs, data = f"/usr/lib/postgresql/{major}/bin", f"/var/lib/{_STATE}/{major}"
    words = [
        f"-D {data}",
        f"-c config_file={at(NAME, CONFIG)}",
        f"-c hba_file={at(NAME, ACCESS)}",
        f"-c ident_file={at(NAME, USERS)}",
        f"-c listen_addresses={own.v4},{own.v6}",
        f"-c port={PORT}",
        f"-c unix_socket_directories=/run/{_RUN}",
    ]
    daemon = units.service(
        about=f"Backplane's PostgreSQL, on the {slot} plane",
        start=" ".join([f"{programs}/postgres", *words]),
        slots=[slot],
        user="postgres",
        state=_STATE,
        settings=[
            f"ExecStartPre=/bin/sh {at(NAME, CREATE)}",
            f"RuntimeDirectory={_RUN}",
            # PostgreSQL's own advice (server-start): SIGINT ends sessions and leaves nothing to
            # recover, and neither that nor a recovery has a limit.
            "Type=notify",
            "KillMode=mixed",
            "KillSignal=SIGINT",
            "TimeoutSec=infinity",
        ],
    )
    return Parts(
        files={
            CONFIG: _CONFIG,
            ACCESS: access((plane.supernet4, plane.supernet6)),
            USERS: _USERS,
            CREATE: create(programs, data),
        },
        units={"backplane-postgres.service": daemon},
        # Run as root, it must be the first word. It reads the settings alone: pg_hba.conf is
        # judged by nothing but a server that starts.
        checks=((f"{programs}/postgres", "-C", "password_encryption", "-D", "{}"),),
    )


ROLE = Role(
    name=NAME,
    listens=((PLANES[0], "tcp", PORT),),
    packages=("postgresql",),
    shut=("postgresql.service", "postgresql@.service"),
    ahead=_AHEAD,
    parts=_parts,
)
