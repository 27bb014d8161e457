"""The rules about pools and replications, read as `backplane.checks` reads."""

import re
from collections.abc import Iterator

from backplane import copies, planes
from backplane.breach import breach
from backplane.mistakes import Mistake
from backplane.raw import Raw
from backplane.role_rules import EVERY_PATTERN

_RESERVED = re.compile(r"(mirror|raidz|draid|spare|log|special|dedup|cache).*|c[0-9].*")
"""Names that no pool may have (zpool-create(8))."""


_APART = "put the copies below a dataset of their own"


def pools(view: Raw) -> Iterator[Mistake]:
    """Pools of nodes: each in one place that is its own, with a name that ZFS takes."""
    for path, node in view.nodes():
        taken: dict[str, str] = {}
        for at, pool in node.members("pools"):
            where, name = f"{path}.{at}", at.partition(".")[2]
            device = pool.text("device")
            if _RESERVED.fullmatch(name):
                what = f"`{name}` is a word of ZFS's own"
                yield breach(where, what, "sites.*.nodes.*.pools", fix="choose another name")
            if (device is None) == (pool.number("file") is None):
                what = "is in no place" if device is None else "is in two places"
                yield breach(where, what, "sites.*.nodes.*.pools.*")
            elif device is not None and taken.setdefault(device, name) != name:
                what = f"`{device}` is the pool {taken[device]}'s"
                yield breach(f"{where}.device", what, "sites.*.nodes.*.pools.*.device")


def replications(view: Raw) -> Iterator[Mistake]:
    """Replications: between two nodes that stay, each with the pool that is named."""
    in_use, _ = view.plane_names()
    nodes = {path.rsplit(".", 1)[1]: node for path, node in view.nodes()}
    sent: dict[tuple[str, str], str] = {}
    for path, one in view.members("replicate"):
        if planes.STORAGE.slot not in in_use:
            what = "goes over storage, which is left out of the mesh"
            yield breach(path, what, "replicate", fix="use the plane, or remove this")
        source, target = one.text("source"), one.text("target")
        if source is not None and source == target:
            what = f"`{target}` would keep a copy of its own dataset"
            yield breach(f"{path}.target", what, "replicate.*.target")
        for end, field in (("source", "dataset"), ("target", "into")):
            yield from _end(nodes, path, one, (end, field))
        dataset = one.text("dataset")
        if source is not None and dataset is not None:
            first = sent.setdefault((source, dataset), path)
            if first != path:
                what = f"`{dataset}` of {source} is the dataset of {first} as well"
                yield breach(f"{path}.dataset", what, "replicate.*.dataset")


def overlaps(view: Raw) -> Iterator[Mistake]:
    """What is copied from a node and what is copied to it: none of it inside the other."""
    places = [
        (path, one.text("source"), one.text("target"), one.text("dataset"), one.text("into"))
        for path, one in view.members("replicate")
    ]
    for path, _, target, _, into in places:
        if target is None or into is None:
            continue
        copy = f"{into}/{path.partition('.')[2]}"
        for other, source, its, dataset, beyond in places:
            if source == target and dataset is not None and _touch(dataset, into, copy):
                what = f"`{into}` of {target} and {other}'s `{dataset}` lie in one another"
                yield breach(f"{path}.into", what, "replicate.*.into", fix=_APART)
            if other != path and its == target and beyond and _below(beyond, copy):
                what = f"`{beyond}` of {other} lies in the copy `{copy}`"
                yield breach(f"{path}.into", what, "replicate.*.into", fix=_APART)


def _below(one: str, other: str) -> bool:
    return one == other or one.startswith(f"{other}/")


def _touch(dataset: str, into: str, copy: str) -> bool:
    return _below(dataset, copy) or _below(copy, dataset) or dataset == into


def retention(view: Raw) -> Iterator[Mistake]:
    """Some kind of snapshot stays on both ends for two intervals: else none is in common."""
    for path, one in view.members("replicate"):
        every = one.text("every") or "4h"
        if not re.fullmatch(EVERY_PATTERN, every):
            continue
        needed = 2 * copies.seconds(every)
        keep, kept = Raw(one.mapping("keep")), Raw(one.mapping("kept"))
        if not any(
            min(_count(keep, kind), _count(kept, kind)) * period >= needed
            for kind, period in copies.PERIODS.items()
        ):
            what = "keeps no kind of snapshot on both ends for two intervals"
            yield breach(path, what, "replicate.*.keep", fix="keep more of one kind on both ends")


def freshness(view: Raw) -> Iterator[Mistake]:
    """The source makes snapshots twice an interval at least: else a copy is late by itself."""
    for path, one in view.members("replicate"):
        every = one.text("every") or "4h"
        if not re.fullmatch(EVERY_PATTERN, every):
            continue
        keep = Raw(one.mapping("keep"))
        made = [period for kind, period in copies.PERIODS.items() if _count(keep, kind) > 0]
        if not made or 2 * made[0] > copies.seconds(every):
            what = f"is {every}, in which the source makes less than two snapshots"
            yield breach(
                f"{path}.every",
                what,
                "replicate.*.every",
                fix="write a longer time, or keep some that are made more often: "
                "`keep: {frequently: 8}`",
            )


def _count(kept: Raw, kind: str) -> int:
    number = kept.number(kind)
    return copies.KEPT[kind] if number is None else number


def _end(nodes: dict[str, Raw], path: str, one: Raw, keys: tuple[str, str]) -> Iterator[Mistake]:
    end, field = keys
    name, dataset = one.text(end), one.text(field)
    if name is None:
        return
    if name not in nodes or nodes[name].switch("retire") is True:
        what = f"`{name}` is no node that stays"
        yield breach(f"{path}.{end}", what, f"replicate.*.{end}")
    elif dataset is not None and dataset.partition("/")[0] not in nodes[name].mapping("pools"):
        what = f"{name} has no pool `{dataset.partition('/')[0]}`"
        yield breach(
            f"{path}.{field}", what, f"replicate.*.{field}", fix="declare it under `pools:` there"
        )
