"""The changes a user makes: each is drawn, says what it does, and edits the declaration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from tests.soak.model import LASTING, PLANES, Declaration, Model, epochs, plane_settings

SPARE = (("fsn", "fsn-c", 3), ("hel", "hel-c", 3), ("hel", "hel-d", 77))
"""Nodes that come and go, as site, name and id."""

OPERATORS = {"alice": 1, "bob": 2, "carol": 3, "dave": 250}
PORTS = ([5432, 3306], [5432], [22, 5432, 3306, 9000])
MTUS = (1280, 1380, 1400, 1420)
TIMERS = (30, 40, 50)
MOST_NODES = 5
LEAST_NODES = 4
TWO = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One drawn change.

    Attributes:
        what: in words, for the log.
        kinds: what it is counted as.
        apply: edits the declaration.
        joins: names that are declared anew.
        makes: nodes that it makes or makes anew.
        drops: nodes that it takes away.
        rotates: planes whose keys change.
        off: nodes that are switched off before.
        on: nodes that are switched on before.
        alone: whether no other change may be made in the same `up`.
    """

    what: str
    apply: Callable[[Declaration], None]
    kinds: tuple[str, ...] = ()
    joins: frozenset[str] = frozenset()
    makes: frozenset[str] = frozenset()
    drops: frozenset[str] = frozenset()
    rotates: frozenset[str] = frozenset()
    off: frozenset[str] = frozenset()
    on: frozenset[str] = frozenset()
    alone: bool = False


Draw = Callable[[Model, Random], Edit | None]
"""Draws a change; None where the mesh is not one for it."""


def _site_of(declared: Declaration, name: str) -> Declaration:
    sites: dict[str, Declaration] = declared["sites"]
    return next(site for site in sites.values() if name in site["nodes"])


def _set(name: str, key: str, value: object) -> Callable[[Declaration], None]:
    def apply(declared: Declaration) -> None:
        _site_of(declared, name)["nodes"][name][key] = value

    return apply


def _set_plane(plane: str, key: str, value: object) -> Callable[[Declaration], None]:
    def apply(declared: Declaration) -> None:
        declared.setdefault("planes", {}).setdefault(plane, {})[key] = value

    return apply


def operator_added(model: Model, draw: Random) -> Edit | None:
    """A person's device joins on one to three planes."""
    absent = sorted(set(OPERATORS) - set(model.declared["operators"]))
    if not absent:
        return None
    name = draw.choice(absent)
    planes = sorted(draw.sample(PLANES[1:], draw.randint(1, 3)))
    entry = {"id": OPERATORS[name], "planes": planes}
    return Edit(
        what=f"operator {name} added on {', '.join(planes)}",
        apply=lambda declared: declared["operators"].update({name: entry}),
        joins=frozenset((name,)),
    )


def operator_removed(model: Model, draw: Random) -> Edit | None:
    """A person's device goes."""
    present = sorted(model.declared["operators"])
    if not present:
        return None
    name = draw.choice(present)
    return Edit(
        what=f"operator {name} removed", apply=lambda declared: declared["operators"].pop(name)
    )


def timer(model: Model, draw: Random) -> Edit:
    """The time after which an unconfirmed change is undone."""
    seconds = draw.choice([value for value in TIMERS if value != model.declared["timer"]])
    return Edit(
        what=f"timer {seconds} s", apply=lambda declared: declared.update({"timer": seconds})
    )


def mtu(model: Model, draw: Random) -> Edit:
    """A plane's MTU."""
    plane = draw.choice(PLANES)
    now = plane_settings(model.declared, plane).get("mtu", 1420)
    value = draw.choice([value for value in MTUS if value != now])
    return Edit(what=f"mtu of {plane} {value}", apply=_set_plane(plane, "mtu", value))


def ports(model: Model, draw: Random) -> Edit:
    """What services may open on the storage plane."""
    now = plane_settings(model.declared, "storage").get("tcp")
    value = draw.choice([value for value in PORTS if value != now])
    return Edit(what=f"ports of storage {value}", apply=_set_plane("storage", "tcp", value))


def rotate_keys(model: Model, draw: Random) -> Edit | None:
    """New key pairs for everybody on a plane."""
    if model.off:
        return None
    plane = draw.choice(PLANES)
    epoch = epochs(model.declared, plane)[0] + 1
    return Edit(
        what=f"keys of {plane} rotated, epoch {epoch}",
        apply=_set_plane(plane, "keys", epoch),
        rotates=frozenset((plane,)),
        alone=True,
    )


def rotate_psk(model: Model, draw: Random) -> Edit | None:
    """New PSKs for all pairs of a plane."""
    if model.off:
        return None
    plane = draw.choice(PLANES)
    epoch = epochs(model.declared, plane)[1] + 1
    return Edit(
        what=f"PSKs of {plane} rotated, epoch {epoch}",
        apply=_set_plane(plane, "psk", epoch),
        alone=True,
    )


def node_keys(model: Model, draw: Random) -> Edit | None:
    """A new key pair for one node on one plane."""
    if model.off:
        return None
    name, plane = draw.choice(sorted(model.nodes)), draw.choice(PLANES)
    own = {**model.nodes[name].epochs}
    own[plane] = own.get(plane, 1) + 1
    return Edit(
        what=f"keys of {name} on {plane} rotated, epoch {own[plane]}",
        apply=_set(name, "epochs", own),
        rotates=frozenset((plane,)) if name in LASTING else frozenset(),
        alone=True,
    )


def node_added(model: Model, draw: Random) -> Edit | None:
    """A machine joins."""
    absent = [entry for entry in SPARE if entry[1] not in model.nodes]
    if len(model.nodes) >= MOST_NODES or not absent:
        return None
    site, name, number = draw.choice(absent)
    return Edit(
        what=f"node {name} added",
        apply=lambda declared: declared["sites"][site]["nodes"].update({name: {"id": number}}),
        joins=frozenset((name,)),
        makes=frozenset((name,)),
    )


def node_removed(model: Model, draw: Random) -> Edit | None:
    """A machine goes for good."""
    present = sorted(set(model.nodes) - set(LASTING))
    if len(model.nodes) <= LEAST_NODES or not present:
        return None
    name = draw.choice(present)
    return Edit(
        what=f"node {name} removed",
        apply=lambda declared: _site_of(declared, name)["nodes"].pop(name),
        drops=frozenset((name,)),
    )


def node_rebuilt(model: Model, draw: Random) -> Edit | None:
    """A machine is built anew: same addresses, new keys."""
    present = sorted(set(model.nodes) - set(LASTING) - model.off)
    if not present:
        return None
    name = draw.choice(present)
    incarnation = model.nodes[name].incarnation + 1
    return Edit(
        what=f"node {name} rebuilt, incarnation {incarnation}",
        apply=_set(name, "incarnation", incarnation),
        makes=frozenset((name,)),
    )


def goes_offline(model: Model, draw: Random) -> Edit | None:
    """A machine is switched off and marked so."""
    present = sorted(set(model.nodes) - set(LASTING))
    if model.off or not present:
        return None
    name = draw.choice(present)
    return Edit(
        what=f"node {name} goes offline",
        apply=_set(name, "offline", value=True),
        off=frozenset((name,)),
    )


def comes_back(model: Model, draw: Random) -> Edit | None:
    """A machine that was off is back and catches up."""
    if not model.off:
        return None
    name = draw.choice(sorted(model.off))
    return Edit(
        what=f"node {name} comes back",
        apply=_set(name, "offline", value=False),
        on=frozenset((name,)),
    )


TABLE: tuple[tuple[Draw, int], ...] = (
    (operator_added, 4),
    (operator_removed, 4),
    (timer, 1),
    (mtu, 3),
    (ports, 2),
    (rotate_keys, 5),
    (rotate_psk, 4),
    (node_keys, 2),
    (node_added, 4),
    (node_removed, 5),
    (node_rebuilt, 4),
    (goes_offline, 2),
    (comes_back, 6),
)
"""Every change with its weight."""


def take(model: Model, edit: Edit) -> None:
    """Declare a change in the model."""
    for name in edit.joins:
        model.births[name] = model.births.get(name, 0) + 1
    model.off = (model.off | edit.off) - edit.on - edit.drops
    edit.apply(model.declared)


def joined(one: Edit, other: Edit) -> Edit:
    """Two changes in one `up`."""

    def apply(declared: Declaration) -> None:
        one.apply(declared)
        other.apply(declared)

    return Edit(
        what=f"{one.what}; {other.what}",
        kinds=one.kinds + other.kinds,
        apply=apply,
        joins=one.joins | other.joins,
        makes=one.makes | other.makes,
        drops=one.drops | other.drops,
        rotates=one.rotates | other.rotates,
        off=one.off | other.off,
        on=one.on | other.on,
    )


def drawn(model: Model, draw: Random) -> Edit:
    """A change that the mesh as declared allows, or two that do not touch each other."""
    first = _one(model, draw)
    if first.alone or draw.random() > TWO:
        return first
    second = _one(model, draw)
    same = second.what.split()[1] == first.what.split()[1]
    return first if second.alone or same else joined(first, second)


def _one(model: Model, draw: Random) -> Edit:
    while True:
        (make,) = draw.choices([one for one, _ in TABLE], [weight for _, weight in TABLE])
        edit = make(model, draw)
        if edit is not None:
            return replace(edit, kinds=(make.__name__.replace("_", " "),))


def without_copies(declared: Declaration) -> None:
    """Take pools and replications out: machines that are made anew would lose what they copy."""
    declared.pop("replicate", None)
    for node in (node for site in declared["sites"].values() for node in site["nodes"].values()):
        node.pop("pools", None)
