"""What a backup does not know: the mesh has gone on since it was taken.

A state from before still opens every way in whose keys and PSKs were not drawn anew since. One of
enrollment and management is enough: the next `pulumi up` comes in by it and draws the other one
again. What came since is in no state: it is made anew.
"""

from __future__ import annotations

from dataclasses import dataclass

from backplane.declaration import Declaration, Node
from backplane.planes import REQUIRED, SLOTS


@dataclass(frozen=True, slots=True, kw_only=True)
class Since:
    """What differs between the declaration of a backup and one of now.

    Attributes:
        rotated: planes whose keys or PSKs were drawn anew, by slot.
        shut: by node, the ways in that its keys of then no longer open.
        added: nodes that the backup's state does not know.
        removed: nodes that only it knows.
        rebuilt: nodes whose machine is another one now.
        joined: people whom it does not know.
        left: people whom only it knows.
    """

    rotated: tuple[str, ...] = ()
    shut: dict[str, tuple[str, ...]]
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    rebuilt: tuple[str, ...] = ()
    joined: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def cut_off(self) -> tuple[str, ...]:
        """Nodes that the backup's keys reach by no way in."""
        return tuple(name for name, slots in self.shut.items() if len(slots) == len(REQUIRED))

    @property
    def lines(self) -> list[str]:
        """What the next `pulumi up` makes of it, a line each."""
        said = []
        if self.cut_off:
            said.append(
                f"no way in is left to {_names(self.cut_off)}: the keys of enrollment and of "
                "management are other ones since; nothing is reached there"
            )
        elif self.shut:
            slots = sorted({slot for shut in self.shut.values() for slot in shut})
            said.append(
                f"the keys of {_names(slots)} are other ones since: nodes are reached by the other "
                "way in, and `pulumi up` draws them anew"
            )
        others = tuple(slot for slot in self.rotated if slot not in REQUIRED)
        if others:
            said.append(f"`pulumi up` draws the keys or PSKs of {_names(others)} anew once more")
        if again := (*self.added, *self.rebuilt):
            said.append(
                f"the machines of {_names(again)} are in no state: `backplane recover --force` "
                "deletes them, and `pulumi up` makes new ones"
            )
        if self.removed:
            said.append(f"{_names(self.removed)} came out since: `pulumi up` forgets them")
        if self.joined:
            said.append(f"{_names(self.joined)} get new files, with other keys")
        if self.left:
            said.append(f"{_names(self.left)} came out since, and must stay out")
        return said


def since(then: Declaration, now: Declaration) -> Since:
    """Compare a backup's declaration with the present one.

    Args:
        then: the backup's.
        now: the one that the next `pulumi up` follows.
    """
    old, new = _nodes(then), _nodes(now)
    both = {place: (old[place][1], *new[place]) for place in new if place in old}
    drawn = {slot: _drawn(then, now, slot) for slot in SLOTS}
    shut = {
        name: slots
        for before, name, node in both.values()
        if before.incarnation == node.incarnation
        and (slots := tuple(s for s in REQUIRED if drawn[s] or _own(before, node, s)))
    }
    return Since(
        rotated=tuple(slot for slot, changed in drawn.items() if changed),
        shut=shut,
        added=tuple(new[place][0] for place in new if place not in old),
        removed=tuple(old[place][0] for place in old if place not in new),
        rebuilt=tuple(
            name for before, name, node in both.values() if before.incarnation != node.incarnation
        ),
        joined=tuple(sorted(_people(now) - _people(then))),
        left=tuple(sorted(_people(then) - _people(now))),
    )


def _nodes(mesh: Declaration) -> dict[tuple[str, int], tuple[str, Node]]:
    """Names and nodes by what decides their addresses: a renamed node is the same one."""
    return {
        (site_name, node.id): (name, node)
        for site_name, site in sorted(mesh.sites.items())
        for name, node in sorted(site.nodes.items())
    }


def _people(mesh: Declaration) -> set[str]:
    return {*mesh.operators, *mesh.runners}


def _drawn(then: Declaration, now: Declaration, slot: str) -> bool:
    """Whether a plane's keys or PSKs were drawn anew, for all of its nodes."""
    before, after = then.settings(slot), now.settings(slot)
    return (before.keys, before.psk) != (after.keys, after.psk)


def _own(before: Node, after: Node, slot: str) -> bool:
    """Whether a node's own key on a plane is another one."""
    own, now = ({str(at): epoch for at, epoch in node.epochs.items()} for node in (before, after))
    return own.get(slot, 1) != now.get(slot, 1)


def _names(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names)
