"""What an answer means: a finding, no finding, or that nothing can be said from there."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from backplane.audit import provider
from backplane.audit.heard import Answer, Heard, Reply
from backplane.audit.order import FAMILIES, PARTS, Order, family

KINDS = ("tcp", "udp", "icmp", "ptr", "name")
"""Of findings; the label `kind` of the metric."""

_WHY = {
    "open": "whoever finds it can try what listens there: scanners find such a port within minutes",
    "refused": "a closed port that says so tells every scanner that a machine is there",
    "answer": "a service of UDP answers strangers, who can misuse it or hit others through it",
    "unreachable": "an ICMP error tells every scanner that a machine is there",
    "echo": "a machine that answers pings is on every list of those that look for machines",
    "ptr": "a name of your own tells everybody whose machine it is, and what for",
    "name": "the public DNS leads from a name of the mesh to a machine",
}
_DRIFT = "run `backplane drift`: it names the rule or listener that was not declared"
_FIX = {
    **dict.fromkeys(("open", "refused", "answer", "unreachable", "echo"), _DRIFT),
    "ptr": "set the address's reverse name back to the cloud's default",
    "name": "take the record out of the public zone; inside the mesh names need none",
}
_SAYS = {
    "open": "accepts connections",
    "refused": "refuses connections (RST)",
    "answer": "answers",
    "unreachable": "sends ICMP errors",
    "echo": "answers echo requests",
}
_SHOWN = 12
_NOT_THERE = 3
"""NXDOMAIN (RFC 1035, section 4.1.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a stranger gets to know.

    Attributes:
        node: the node's name.
        kind: one of `KINDS`.
        where: the address and the ports, or the name.
        what: what was seen there.
        why: why it matters.
        fix: the next step.
    """

    node: str
    kind: str
    where: str
    what: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an audit comes to.

    Attributes:
        findings: sorted by node and place.
        unable: why nothing can be said, of all or of a part; empty when everything was seen.
        notes: what is good to know.
        nodes: by node its addresses.
        parts: what was looked at.
        knocks: how many knocks and questions were made.
        seconds: how long it took.
    """

    findings: tuple[Finding, ...]
    unable: tuple[str, ...]
    notes: tuple[str, ...]
    nodes: Mapping[str, tuple[str, ...]]
    parts: tuple[str, ...]
    knocks: int
    seconds: float

    @property
    def able(self) -> bool:
        """Whether silence was silence."""
        return not self.unable

    @property
    def ok(self) -> bool:
        """Whether everything was looked at and nothing was found."""
        return self.able and not self.findings

    def counted(self) -> dict[str, dict[str, int]]:
        """How many findings of each kind each node has."""
        counts = Counter((one.node, one.kind) for one in self.findings)
        return {node: {kind: counts[node, kind] for kind in KINDS} for node in self.nodes}

    def document(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {"ok": self.ok, "able": self.able, **asdict(self)}


def judge(order: Order, heard: Heard) -> Verdict:
    """Judge what was heard of what was tried."""
    found = [*_answers(order, heard.answers), *_named(order, heard.replies)]
    nodes: dict[str, list[str]] = {name: [] for name in order.nodes}
    for address, name in order.targets.items():
        nodes[name].append(address)
    return Verdict(
        findings=tuple(sorted(found, key=lambda one: (one.node, one.kind, one.where, one.what))),
        unable=tuple(dict.fromkeys(_unable(order, heard))),
        notes=tuple(_notes(order, heard)),
        nodes={name: tuple(own) for name, own in nodes.items()},
        parts=tuple(sorted(order.parts)),
        knocks=heard.sent,
        seconds=round(heard.seconds, 1),
    )


def _own(one: Answer) -> bool:
    """Whether the machine itself speaks, and not a router on the way to it."""
    return one.what != "unreachable" or one.by in {None, one.address}


def _answers(order: Order, answers: list[Answer]) -> Iterator[Finding]:
    for one in answers:
        if not _own(one):
            continue
        word = "echo" if one.kind == "echo" and one.what == "answer" else one.what
        ports = ""
        if one.kind != "echo":
            listed = ", ".join(map(str, sorted(one.ports)[:_SHOWN]))
            more = one.count - min(len(one.ports), _SHOWN)
            ports = f" {one.kind} {listed}{f' and {more} more' if more > 0 else ''}"
        yield Finding(
            node=order.targets[one.address],
            kind="icmp" if one.kind == "echo" or one.what == "unreachable" else one.kind,
            where=f"{one.address}{ports}",
            what=_SAYS[word] + (f": {one.detail}" if one.detail else ""),
            why=_WHY[word],
            fix=_FIX[word],
        )


def _named(order: Order, replies: list[Reply]) -> Iterator[Finding]:
    by_pointer = {ipaddress.ip_address(at).reverse_pointer: at for at in order.targets}
    for reply in replies:
        if reply.type == "PTR":
            address = by_pointer[reply.name]
            own = [name for name in reply.records if not provider.default(address, name)]
            if own:
                yield _name(order.targets[address], "ptr", address, f"is called {', '.join(own)}")
        elif reply.records:
            node = reply.name.partition(".")[0]
            what = f"leads to {', '.join(reply.records)} ({reply.type})"
            yield _name(node, "name", reply.name, what)


def _name(node: str, kind: str, where: str, what: str) -> Finding:
    return Finding(node=node, kind=kind, where=where, what=what, why=_WHY[kind], fix=_FIX[kind])


def _unable(order: Order, heard: Heard) -> Iterator[str]:
    if not order.targets:
        yield "there is no address to look at"
    elif not order.knocks:
        yield "nothing was tried: too much is left out"
    yield from _blind(order, heard)
    for lost in heard.failures:
        yield f"{lost.count} {lost.kind} knocks on {lost.address} did not leave: {lost.why}"
    if heard.sent != order.knocks:
        yield f"{heard.sent} of {order.knocks} knocks and questions were made"
    for one in heard.answers:
        if not _own(one):
            yield f"{one.address} was not reached: {one.by} sends ICMP errors ({one.detail})"
    good: dict[tuple[str, str], bool] = {
        (one.name, one.type): one.code in {0, _NOT_THERE} for one in heard.replies
    }
    silent = [one[0] for one in order.questions if not good.get(one)]
    if silent:
        yield f"the resolver gave no answer to {len(silent)} questions, such as {silent[0]}"
    yield from _no_stranger(order, heard)


def _no_stranger(order: Order, heard: Heard) -> Iterator[str]:
    """Where packets leave from inside: who is one of the mesh sees what no stranger does."""
    inside = [ipaddress.ip_network(one) for one in order.inside]
    for address, source in heard.sources.items():
        ours = ipaddress.ip_address(source.address)
        if any(ours in net for net in inside):
            yield f"packets to {address} leave through the mesh's own {source.interface}"
        elif source.address in order.targets:
            yield f"the vantage is {order.targets[source.address]} itself ({source.address})"


def _blind(order: Order, heard: Heard) -> Iterator[str]:
    """The ways in which nothing that must answer did: there silence means nothing."""
    seen = {(one.when, one.kind, one.family) for one in heard.controls if one.answered}
    for spoken in FAMILIES.values():
        if not any(family(address) == spoken for address in order.targets):
            continue
        for kind in ("tcp", "udp", "echo"):
            for when in ("before", "after"):
                if kind in order.parts and (when, kind, spoken) not in seen:
                    yield (
                        f"{kind} over {spoken}: no control answered {when} the rest; give "
                        f"`--control HOST:PORT` that does, or leave it out: `--without {kind}` "
                        f"or `--without {spoken}`"
                    )
                    break


def _notes(order: Order, heard: Heard) -> Iterator[str]:
    ways = {one.interface for one in heard.sources.values() if one.tunnel}
    for name in sorted(ways):
        yield f"packets leave through the tunnel {name}: what is seen is seen from its other end"
    bare = [name for name in order.nodes if name not in order.targets.values()]
    if bare:
        yield f"no address of {', '.join(bare)} was looked at"
    left_out = [part for part in PARTS if part not in order.parts]
    if left_out:
        yield f"not looked at: {', '.join(left_out)}"
