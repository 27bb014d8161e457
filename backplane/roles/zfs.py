"""The zfs role: pools, snapshots, and the copies that other nodes keep of this one's datasets.

A node has it that has pools. The target of a replication has the role `replica` as well.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from backplane import planes
from backplane.roles import units
from backplane.roles.base import HostKey, Parts, PrivateKey, Role, at, hidden

if TYPE_CHECKING:
    from backplane.copies import Copy, Keep
    from backplane.plan import Plan, PlanNode

NAME = "zfs"
POOLS = "pools.json"
_SLOT = planes.STORAGE.slot
_TOOL = "/usr/local/sbin/backplane-node"
_POOLS_UNIT = "backplane-pools.service"
EXPANDS = {"none": (), "lz4": ("lz4", "-dc"), "zstd-fast": ("zstd", "-dc")}
"""By the declaration's word, the program of syncoid's that makes a stream whole again."""


def sources(plan: Plan, node: PlanNode) -> tuple[Copy, ...]:
    """The replications that this node sends; none without the plane that they go over."""
    used = _SLOT in plan.slots
    return tuple(one for one in plan.copies if used and one.source == node.name)


def targets(plan: Plan, node: PlanNode) -> tuple[Copy, ...]:
    """The replications that this node receives; none without the plane that they come over."""
    used = _SLOT in plan.slots
    return tuple(one for one in plan.copies if used and one.target == node.name)


def _pools(plan: Plan, node: PlanNode) -> str:
    places = {one.name: {"device": one.device, "gigabytes": one.gigabytes} for one in node.pools}
    document = {
        "pools": places,
        "sources": sorted(one.dataset for one in sources(plan, node)),
        "copies": sorted({one.into for one in targets(plan, node)}),
    }
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _sanoid(plan: Plan, node: PlanNode) -> str:
    """sanoid.conf(5): snapshots are made at the source alone, and pruned on both ends."""
    sections = [_section(one.dataset, one.keep, made=True) for one in sources(plan, node)]
    sections += [_section(one.copy, one.kept, made=False) for one in targets(plan, node)]
    return "\n".join(sections)


def _section(dataset: str, keep: Keep, *, made: bool) -> str:
    lines = [f"[{dataset}]"]
    lines += [f"{kind} = {getattr(keep, kind)}" for kind in ("frequently", "hourly", "daily")]
    lines += [f"monthly = {keep.monthly}", "yearly = 0"]
    lines += [f"autosnap = {'yes' if made else 'no'}", "autoprune = yes"]
    return "".join(f"{line}\n" for line in lines)


def _syncoid(plan: Plan, node: PlanNode, one: Copy) -> str:
    own = node.addresses[_SLOT].v4
    host = plan.node(one.target).addresses[_SLOT].v4
    options = [
        f"BindAddress={own}",
        f"UserKnownHostsFile={hidden(NAME, f'{one.name}.hosts')}",
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "HostKeyAlgorithms=ssh-ed25519",
        "IdentitiesOnly=yes",
        "BatchMode=yes",
        "ConnectTimeout=20",
        "ServerAliveInterval=15",
    ]
    words = [
        "/usr/sbin/syncoid",
        "--quiet",
        # sanoid makes the snapshots; a copy is never written, so nothing is ever rolled back there.
        "--no-sync-snap",
        "--no-rollback",
        "--no-resume",
        "--no-privilege-elevation",
        f"--compress={one.compress}",
        "--recvoptions=u",
        f"--sshkey={hidden(NAME, f'{one.name}.key')}",
        *(f"--sshoption={option}" for option in options),
        one.dataset,
        f"root@{host}:{one.copy}",
    ]
    return " ".join(words)


def _every(about: str, one: Copy) -> str:
    times = {
        "OnBootSec": "15min",
        "OnUnitActiveSec": f"{one.seconds}s",
        "RandomizedDelaySec": "5min",
    }
    return units.timer(about=about, settings=times)


def _parts(plan: Plan, node: PlanNode) -> Parts:
    files = {POOLS: _pools(plan, node)}
    secrets: dict[str, tuple[str | PrivateKey | HostKey, ...]] = {}
    made = {
        _POOLS_UNIT: units.service(
            about="Backplane's ZFS pools",
            start=f"{_TOOL} pools",
            slots=[],
            once=True,
            sees_files=True,
            settings=["RemainAfterExit=yes", "StandardOutput=null", "TimeoutStartSec=300"],
        )
    }
    if snapshots := _sanoid(plan, node):
        files["sanoid.conf"] = snapshots
        about = "Backplane's snapshots"
        made["backplane-sanoid.service"] = units.service(
            about=about,
            start=f"/usr/sbin/sanoid --configdir={at(NAME)} --cron --quiet",
            slots=[],
            once=True,
            sees_files=True,
            settings=["TimeoutStartSec=infinity", "Environment=TZ=UTC", "KillSignal=SIGTERM"],
        )
        made["backplane-sanoid.timer"] = units.timer(
            about=about, settings={"OnBootSec": "1min", "OnCalendar": "*:0/15"}
        )
    for one in sources(plan, node):
        secrets[f"{one.name}.key"] = (PrivateKey(owner=one.name),)
        host = plan.node(one.target).addresses[_SLOT].v4
        secrets[f"{one.name}.hosts"] = (f"{host} ", HostKey(owner=one.target), "\n")
        about = f"Backplane's replication of {one.dataset} to {one.target}"
        made[f"backplane-replicate-{one.name}.service"] = units.service(
            about=about,
            start=_syncoid(plan, node, one),
            slots=[_SLOT],
            once=True,
            sees_files=True,
            # syncoid puts the socket of its session under a name that can be guessed into /tmp.
            settings=["PrivateTmp=yes", "TimeoutStartSec=infinity", "KillSignal=SIGTERM"],
        )
        made[f"backplane-replicate-{one.name}.timer"] = _every(about, one)
    return Parts(files=files, secrets=secrets, units=made)


ROLE = Role(
    name=NAME,
    implied="pools:",
    packages=("lz4", "sanoid", "zfs-dkms", "zfsutils-linux", "zstd"),
    shut=(
        "sanoid-prune.service",
        "sanoid.service",
        "sanoid.timer",
    ),
    parts=_parts,
)
