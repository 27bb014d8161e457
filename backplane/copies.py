"""Pools and the copies that nodes keep of each other's datasets: computed, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from backplane import declaration, settings

Compress = Literal["none", "lz4", "zstd-fast"]

MINUTE = 60
PERIODS = {"frequently": 15 * MINUTE, "hourly": 3600, "daily": 86_400, "monthly": 30 * 86_400}
"""Seconds from one snapshot of a kind to the next (sanoid)."""

KEPT = {"frequently": 0, "hourly": 36, "daily": 30, "monthly": 3}
"""How many of each kind stay where none are declared."""

_UNITS = {"m": MINUTE, "h": 60 * MINUTE, "d": 24 * 60 * MINUTE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A ZFS pool of a node.

    Attributes:
        name: the pool's.
        device: the block device it is on; None for a file.
        gigabytes: the size of its file; 0 for a device.
    """

    name: str
    device: str | None
    gigabytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """How many snapshots of each kind stay (sanoid's own words)."""

    frequently: int
    hourly: int
    daily: int
    monthly: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A dataset of one node of which another keeps a copy.

    Attributes:
        name: of this replication.
        source: the node whose dataset it is.
        dataset: the dataset there.
        target: the node that keeps the copy.
        into: the dataset that the copy is below.
        seconds: from one run to the next.
        compress: how the stream is made smaller on its way.
        keep: what stays at the source.
        kept: what stays at the target.
    """

    name: str
    source: str
    dataset: str
    target: str
    into: str
    seconds: int
    compress: Compress
    keep: Keep
    kept: Keep

    @property
    def copy(self) -> str:
        """The dataset that is the copy."""
        return f"{self.into}/{self.name}"


def seconds(text: str) -> int:
    """A duration as declared: a number and m, h or d."""
    return int(text[:-1]) * _UNITS[text[-1]]


def pools(declared: declaration.Node) -> tuple[Pool, ...]:
    """The pools of a node, by name."""
    return tuple(
        Pool(name=name, device=one.device, gigabytes=one.file or 0)
        for name, one in sorted(declared.pools.items())
    )


def copies(declared: declaration.Declaration) -> tuple[Copy, ...]:
    """What the section `replicate:` of a checked declaration says, by name."""
    return tuple(
        Copy(
            name=name,
            source=one.source,
            dataset=one.dataset,
            target=one.target,
            into=one.into,
            seconds=seconds(one.every),
            compress=one.compress,
            keep=_keep(one.keep),
            kept=_keep(one.kept),
        )
        for name, one in sorted(declared.replicate.items())
    )


def _keep(declared: settings.Keep) -> Keep:
    return Keep(
        frequently=declared.frequently,
        hourly=declared.hourly,
        daily=declared.daily,
        monthly=declared.monthly,
    )
