"""The replica role: a node that keeps copies lets their sources in on storage, to receive alone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from backplane import planes
from backplane.roles import units, zfs
from backplane.roles.base import Parts, PublicKey, Role
from backplane.roles.node_exporter import METRICS

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

NAME = "replica"
COPIES, AUTHORIZED = "copies.json", "authorized_keys"
PORT = 22
_SLOT = planes.STORAGE.slot
_TOOL = "/usr/local/sbin/backplane-node"


def _parts(plan: Plan, node: PlanNode) -> Parts:
    received = zfs.targets(plan, node)
    document = {
        one.name: {
            "dataset": one.copy,
            "source": one.source,
            "seconds": one.seconds,
            "expand": list(zfs.EXPANDS[one.compress]),
        }
        for one in received
    }
    pieces: list[str | PublicKey] = []
    for one in received:
        own = plan.node(one.source).addresses[_SLOT]
        options = f'restrict,from="{own.v4},{own.v6}",command="{_TOOL} receive {one.name}"'
        pieces += [f"{options} ", PublicKey(owner=one.name), f" {one.name}\n"]
    about = "Backplane's look at how far copies are behind"
    return Parts(
        files={COPIES: json.dumps(document, indent=1, sort_keys=True) + "\n"},
        secrets={AUTHORIZED: tuple(pieces)},
        units={
            "backplane-replication.service": units.service(
                about=about,
                start=f"{_TOOL} replication",
                slots=[],
                once=True,
                sees_files=True,
                settings=[
                    "StandardOutput=null",
                    f"ReadWritePaths={METRICS}",
                    "RuntimeDirectory=backplane/metrics",
                    "RuntimeDirectoryPreserve=yes",
                ],
            ),
            "backplane-replication.timer": units.timer(
                about=about, settings={"OnBootSec": "1min", "OnUnitActiveSec": "5min"}
            ),
        },
    )


ROLE = Role(
    name=NAME,
    implied="replicate:",
    listens=((_SLOT, "tcp", PORT),),
    parts=_parts,
)
