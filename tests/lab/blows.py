"""What goes wrong while machines in use are taken over, one thing at each step, as one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lab.faults import disk, programs
from tests.lab.found import ROOTS, SUDOS, Found

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_HOUSE = """nft -f - <<'EOF'
table inet house {
  chain input {
    type filter hook input priority -5; policy accept;
    %s
  }
}
EOF"""
"""A firewall of the machine's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blow:
    """What goes wrong at two machines in the same `up`.

    Attributes:
        name: what people call it.
        ailments: what ails each machine meanwhile, by name, and what `up` must say of it.
        strikes: what happens to each at a line that `up` prints: the line's end, and the blow.
        said: what `up` must say of a machine, by name.
    """

    name: str
    ailments: Mapping[str, str] = field(default_factory=dict)
    strikes: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name


BLOWS = (
    Blow(
        name="packages cannot be had; the disk is full",
        ailments={ROOTS: "apt", SUDOS: "disk"},
        said={ROOTS: "cannot be installed", SUDOS: "No space left on device"},
    ),
    Blow(
        name="the tunnel is filtered; nft fails",
        ailments={ROOTS: "udp", SUDOS: "nft"},
        said={ROOTS: "wg0 does not answer over the plane", SUDOS: "broken by the lab"},
    ),
    Blow(
        name="sshd is filtered on the plane; what boot reads cannot be written",
        ailments={ROOTS: "trial", SUDOS: "boot"},
        said={ROOTS: "sshd on the plane does not answer", SUDOS: "backplane.conf"},
    ),
    Blow(
        name="the power is cut while it is closed; the path is",
        strikes={
            ROOTS: ("sshd answers on the plane", "power"),
            SUDOS: ("sshd answers on the plane", "path"),
        },
    ),
)
"""Each leaves both machines as they were."""


@contextmanager
def struck(found: Found, blow: Blow) -> Iterator[None]:
    """Let what ails the machines ail them meanwhile."""
    with ExitStack() as stack:
        for name, what in blow.ailments.items():
            stack.enter_context(_ailing(found, name, what))
        yield


@contextmanager
def _ailing(found: Found, name: str, what: str) -> Iterator[None]:
    machine, place = found.mesh.lab.machine(name), found.on(name)
    broken: Mapping[str, AbstractContextManager[None]] = {
        "apt": programs.failing(machine, "apt-get"),
        "nft": programs.failing(machine, "nft"),
        "disk": disk.full(machine),
    }
    if what in broken:
        with broken[what]:
            yield
        return
    begin, end = {
        "udp": (_HOUSE % "udp dport 51820 drop", "nft delete table inet house"),
        "trial": (
            _HOUSE % 'iifname "wg0" tcp dport != 22 drop',
            "nft delete table inet house",
        ),
        "boot": (
            "mkdir -p /etc/tmpfiles.d/backplane.conf/in-the-way",
            "rm -r /etc/tmpfiles.d/backplane.conf",
        ),
    }[what]
    place.succeed(begin)
    try:
        yield
    finally:
        place.succeed(end)
