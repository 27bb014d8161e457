"""The rules about pools and replications, read as `backplane.checks` reads."""

import re
from collections.abc import Iterator

from backplane import planes
from backplane.breach import breach
from backplane.mistakes import Mistake
from backplane.raw import Raw

_RESERVED = re.compile(r"(mirror|raidz|draid|spare|log|special|dedup|cache).*|c[0-9].*")
"""Names that no pool may have (zpool-create(8))."""


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
