"""Layer-2 segments on this machine: VXLAN interfaces in bridges, made, changed in place, removed.

The role's file `segments.json` says: {"segments": [{"name", "id", "local": the own address that
frames leave from, "mtu", "peers": [addresses of the other members]}, ...]}. Segment 7 is the VXLAN
interface vx7 in the bridge vb7. Guests are attached to the bridge by whoever owns them, so that a
bridge that stays declared is never made anew. What bears such a name without our mark is somebody
else's and never touched.
"""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from node.difference import HAND, ROLLOUT, Difference
from node.errors import Refused
from node.generations import Generation
from node.machine import Machine
from node.request import Answer, Request
from node.segment_links import (
    EVERYBODY,
    Live,
    Segment,
    bridge,
    floods,
    is_ours,
    named,
    sides,
    stale,
    tunnel,
)

FILE = "roles/segments/segments.json"
_FIX = "look at `ip -details link show` and `bridge fdb show` on the machine"
_ANEW = "run the `pulumi up --replace` that `backplane drift` tells: it writes it anew"
_AREA = "segments"


def segments(machine: Machine, _: Request) -> Answer:
    """Make the machine's segments what the active generation says.

    Returns:
        ``touched``: interfaces that were made, changed or removed.

    Raises:
        Refused: Somebody else's interface bears the name of one, or the kernel cannot do this.
    """
    try:
        return {"touched": _make(machine, _wanted(machine.layout.active / FILE))}
    except Refused as refused:
        machine.journal.say(f"segments: {refused.error}")
        raise


def end(machine: Machine, _: Request) -> Answer:
    """Remove all segments, unless the active generation has some.

    So a unit that is only started anew takes nobody's network away.

    Returns:
        ``touched``: the interfaces that were removed.
    """
    if (machine.layout.active / FILE).exists():
        return {"touched": []}
    return {"touched": remove(machine)}


def remove(machine: Machine) -> list[str]:
    """Remove every interface of ours; returns their names."""
    return _make(machine, ())


def differences(machine: Machine, target: Generation) -> Iterator[Difference]:
    """Interfaces and flood lists that are not as declared, and those that nobody declares."""
    file = target.file(FILE)
    if not file.exists() and not _any(machine):
        return
    wanted, live = _wanted(file), _read(machine)
    mend = partial(segments, machine, {})
    for what, declared, there in sides(wanted, live):
        foreign = what in live.links and not is_ours(what, live.links[what])
        yield Difference(
            area=_AREA,
            what=f"{what}: {'interface of somebody else' if foreign else 'segment'}",
            declared=declared,
            live=there,
            repair=HAND if foreign else ROLLOUT,
            mend=None if foreign else mend,
            blocking=False,
        )


def _make(machine: Machine, wanted: tuple[Segment, ...]) -> list[str]:
    live = _read(machine)
    names = {name for one in wanted for name in (one.bridge, one.tunnel)}
    if foreign := sorted(n for n in names & {*live.links} if not is_ours(n, live.links[n])):
        raise Refused(
            f"{', '.join(foreign)} is an interface of somebody else",
            "remove or rename it, or give the segment another id",
        )
    lines = [f"link del dev {name}" for name in live.ours() if name not in names]
    for one in wanted:
        # The bridge first: with a port in it its MTU would follow that one's.
        lines += [*bridge(one, live), *tunnel(one, live)]
    _batch(machine, "ip", lines)
    now = _read(machine) if lines else live
    _batch(machine, "bridge", [line for one in wanted for line in floods(one, now)])
    if old := [line for one in wanted for line in stale(one, now)]:
        # What ages meanwhile is gone as well.
        argv = ["bridge", "-force", "-batch", "-"]
        machine.commands.run(argv, stdin="".join(f"{line}\n" for line in old))
    return sorted({what for what, _, _ in sides(wanted, live)})


def _read(machine: Machine) -> Live:
    links = {str(one["ifname"]): one for one in _told(machine, ["ip", "-json", "-details", "link"])}
    floods: dict[str, tuple[str, ...]] = {}
    learned: dict[str, tuple[tuple[str, str], ...]] = {}
    for name, told in links.items():
        if name.startswith("vx") and is_ours(name, told):
            rows = _told(machine, ["bridge", "-json", "fdb", "show", "dev", name])
            seen = [(str(one["mac"]), str(one["dst"])) for one in rows if "dst" in one]
            floods[name] = tuple(peer for mac, peer in seen if mac == EVERYBODY)
            learned[name] = tuple((mac, peer) for mac, peer in seen if mac != EVERYBODY)
    return Live(links=links, floods=floods, learned=learned)


def _told(machine: Machine, argv: list[str]) -> list[dict[str, Any]]:
    text = machine.commands.must(argv, why="interfaces cannot be read", fix=_FIX)
    return [one for one in json.loads(text or "[]") if one]


def _batch(machine: Machine, program: str, lines: list[str]) -> None:
    if lines:
        text = "".join(f"{line}\n" for line in lines)
        why = "the kernel refuses a segment"
        machine.commands.must([program, "-batch", "-"], stdin=text, why=why, fix=_FIX)


def _wanted(file: Path) -> tuple[Segment, ...]:
    if not file.exists():
        return ()
    try:
        told = json.loads(file.read_text(encoding="ascii"))["segments"]
        return tuple(Segment(**{**one, "peers": tuple(one["peers"])}) for one in told)
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"{FILE} is damaged", _ANEW) from error


def _any(machine: Machine) -> bool:
    """Whether some interface is named like one of ours; asks no program."""
    folder = machine.layout.at("/sys/class/net")
    return folder.is_dir() and any(named(path.name) for path in folder.iterdir())
