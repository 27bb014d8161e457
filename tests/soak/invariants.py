"""What must hold. Each check raises `Broken` with what is wrong, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from tests.soak.facts import Facts, Peer
from tests.soak.model import PLANES, Model, epochs, expected_peers, members, plane_settings

PAUSE = 0.5
"""Seconds that a plane may be silent while its keys are rotated."""

LOCKED_OUT = 30.0
"""Seconds after which a powered node that the runner cannot get into counts as locked."""


class Broken(AssertionError):  # noqa: N818 - it says what became of an invariant
    """An invariant does not hold."""


def confirmed(facts: Mapping[str, Facts | None], declared: Mapping[str, str]) -> None:
    """After an `up`: every node is confirmed, active and staged at the declared generation."""
    wrong = []
    for name, one in sorted(facts.items()):
        if one is None:
            wrong.append(f"{name} does not answer")
            continue
        status = one.status
        at = {status["confirmed"], status["active"], status["staged"]}
        if at != {declared[name]} or status["timer"] or status["lease"]:
            seen = {key: status[key] for key in ("confirmed", "active", "staged", "timer", "lease")}
            wrong.append(f"{name}: {seen}, declared {declared[name]}")
    _raise("not all nodes are confirmed at their declared generation", wrong)


def live(model: Model, facts: Mapping[str, Facts]) -> None:
    """What WireGuard holds is what the declaration says, on every node and plane."""
    wrong: list[str] = []
    for name, one in sorted(facts.items()):
        for index, plane in enumerate(PLANES):
            wrong += [f"{name} {plane}: {what}" for what in _plane(model, name, index, one)]
    _raise("the live planes differ from the model", wrong)


def _plane(model: Model, name: str, index: int, facts: Facts) -> list[str]:
    plane, interface = PLANES[index], f"wg{index}"
    wrong = []
    own = model.nodes[name].address(index)
    if facts.addresses.get(interface) != (own,):
        wrong.append(f"address {facts.addresses.get(interface)}, not {own}")
    mtu = plane_settings(model.declared, plane).get("mtu", 1420)
    if facts.mtus.get(interface) != mtu:
        wrong.append(f"mtu {facts.mtus.get(interface)}, not {mtu}")
    expected = expected_peers(model.declared, name, plane)
    by_address = {address: peer for peer in facts.peers[interface] for address in peer.allowed}
    found = {address for address in by_address if ":" not in address}
    wrong += [f"{address} is a peer, nobody declares it" for address in sorted(found - {*expected})]
    missing = sorted({*expected} - found)
    wrong += [f"{expected[address]} ({address}) is no peer" for address in missing]
    if len(facts.peers[interface]) != len(expected):
        wrong.append(f"{len(facts.peers[interface])} peers, not {len(expected)}")
    wrong += [
        f"peer {peer.public} has no PSK, or not one address of each family"
        for peer in facts.peers[interface]
        if peer.psk is None or sorted(":" in one for one in peer.allowed) != [False, True]
    ]
    return wrong


def keys(model: Model, facts: Mapping[str, Facts]) -> None:
    """Both ends of a pair agree, every purpose has one key, and none serves two.

    A removed, rebuilt or rotated member's old keys are thereby gone, and so are its PSKs.
    """
    wrong: list[str] = []
    nodes = {one.name: one for one in members(model.declared)}

    def birth(name: str) -> int:
        return model.births.get(name, 0)

    for name, one in facts.items():
        for index, plane in enumerate(PLANES):
            epoch, psk_epoch = epochs(model.declared, plane)
            node = nodes[name]
            own_epoch = node.epochs.get(plane, 1)
            purpose = (name, birth(name), plane, epoch, own_epoch, node.incarnation)
            wrong.append(model.shown(one.publics[f"wg{index}"], purpose) or "")
            by_address = {address: p for p in one.peers[f"wg{index}"] for address in p.allowed}
            for address, other in expected_peers(model.declared, name, plane).items():
                peer = by_address[address]
                wrong.append(_pair(model, facts, (name, other, plane), peer))
                pair = (*sorted((name, other)), plane, psk_epoch)
                wrong.append(model.shown(peer.psk or "", pair) or "")
    _raise("keys are not one for each purpose", [*filter(None, wrong), *model.one_key_each()])


def _pair(model: Model, facts: Mapping[str, Facts], at: tuple[str, str, str], peer: Peer) -> str:
    name, other, plane = at
    if other in facts and facts[other].publics[f"wg{PLANES.index(plane)}"] != peer.public:
        return f"{name} holds another key of {other} on {plane} than {other} itself"
    if other not in model.nodes:
        purpose = (other, model.births.get(other, 0), plane, epochs(model.declared, plane)[0])
        return model.shown(peer.public, purpose) or ""
    return ""


def settled(facts: Mapping[str, Facts | None]) -> list[str]:
    """After a failed or killed `up`: nodes that are not back yet, each with what it says."""
    wrong = []
    for name, one in sorted(facts.items()):
        if one is None:
            wrong.append(f"{name} does not answer")
        elif not one.settled:
            status = one.status
            wrong.append(
                f"{name}: active {status['active']}, confirmed {status['confirmed']}, "
                f"timer {status['timer']}"
            )
    return wrong


def mixed(before: Mapping[str, str], facts: Mapping[str, Facts]) -> bool:
    """Whether some nodes have confirmed what others have not."""
    moved = {name for name, one in facts.items() if one.status["confirmed"] != before.get(name)}
    return bool(moved) and moved != set(facts)


def undisturbed(lost: Mapping[str, int], rotated: frozenset[str], period: float) -> None:
    """No request was lost between the lasting nodes; a rotated plane may pause."""
    wrong = []
    for plane, run in sorted(lost.items()):
        allowed = round(PAUSE / period) if plane in rotated else 0
        if run > allowed:
            wrong.append(f"{plane}: {run} requests in a row had no answer ({run * period:.1f} s)")
    _raise("packets were lost between nodes that nothing was done to", wrong)


def dark(report: Mapping[str, object]) -> None:
    """The stranger got no packet."""
    if report["received_total"]:
        received = report["received"]
        first = received[:5] if isinstance(received, list) else received
        raise Broken(f"the stranger got {report['received_total']} packets: {first}")


def _raise(what: str, wrong: list[str]) -> None:
    if wrong:
        raise Broken(f"{what}:\n" + "\n".join(f"  {line}" for line in wrong[:20]))
