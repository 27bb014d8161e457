"""What an audit from outside found, told by the runner, as metrics of this machine."""

import re
from collections.abc import Mapping
from typing import Any

from node import identity, metrics
from node.errors import Refused
from node.generations import Generation
from node.machine import Machine
from node.metrics import Metric
from node.request import Answer, Request, ask

FILE = "audit"
KINDS = frozenset({"tcp", "udp", "icmp", "ptr", "name"})
_MOST = 1 << 20
"""Findings of one kind on one node."""

_AHEAD, _BEHIND = 300, 24 * 3600
"""Seconds that the audit's clock may be ahead of this machine's, and how old it may be."""

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_FIX = "run `pulumi up`, then `backplane audit --tell` again with the same version"


def audited(machine: Machine, request: Request) -> Answer:
    """Write `audit.prom`: nothing but counts of known kinds, for nodes that this one knows.

    Returns:
        ``written``: the file.

    Raises:
        Refused: The request is of another form, old, or about a node that is not known here.
    """
    at, able = ask(request, "at", int), request.get("able")
    if not isinstance(able, bool):
        raise Refused("the request does not say whether the audit could see", _FIX)
    age = machine.clock.wall() - at
    if not -_AHEAD <= age <= _BEHIND:
        raise Refused(f"the audit ended {age:.0f} s ago by this clock", "see that clocks are right")
    findings = ask(request, "findings", dict)
    known = names(identity.confirmed(machine))
    samples: metrics.Samples = []
    for node, kinds in sorted(findings.items()):
        if node not in known:
            raise Refused(f"{_shown(node)} is no node that is known here", _FIX)
        samples += _counts(node, kinds)
    written = metrics.write(machine, FILE, _families(samples, at, able=able))
    machine.journal.say(f"audit from outside: {sum(count for _, count in samples):g} findings")
    return {"written": written}


def names(generation: Generation) -> frozenset[str]:
    """The nodes whose names a generation has for the hosts file, and its own."""
    path = generation.file("hosts")
    words = path.read_text(encoding="utf-8").split() if path.exists() else []
    own = [generation.node] if generation.node else []
    return frozenset((*(word.partition(".")[0] for word in words), *own))


def _counts(node: str, kinds: object) -> metrics.Samples:
    if not isinstance(kinds, Mapping) or set(kinds) - KINDS:
        raise Refused(f"what is said of {node} is of no known kind", _FIX)
    for count in kinds.values():
        if not isinstance(count, int) or isinstance(count, bool) or not 0 <= count <= _MOST:
            raise Refused(f"what is said of {node} is no count", _FIX)
    return [({"node": node, "kind": kind}, count) for kind, count in sorted(kinds.items())]


def _families(samples: metrics.Samples, at: int, *, able: bool) -> list[Metric]:
    return [
        Metric(
            name="backplane_audit_findings",
            kind="gauge",
            about="What a stranger gets to know, by node and kind.",
            samples=samples,
        ),
        Metric(
            name="backplane_audit_able",
            kind="gauge",
            about="1 where the last audit from outside could see what it looked for.",
            samples=[({}, int(able))],
        ),
        Metric(
            name="backplane_audit_timestamp_seconds",
            kind="gauge",
            about="When the last audit ended, in seconds since 1970.",
            samples=[({}, at)],
        ),
    ]


def _shown(node: Any) -> str:  # noqa: ANN401 - whatever was sent
    return node if isinstance(node, str) and _NAME.fullmatch(node) else "somebody"
