"""What a role is: a service of a node that says what it needs and where it listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from backplane.plan import Plan, PlanNode

Proto = Literal["tcp", "udp"]
Listens = tuple[str, Proto, int]
"""Plane slot, protocol and port of one listener."""

UNIT_PREFIX = "backplane-"
"""What every unit of a role is called first: none of a distribution's has such a name."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Opening:
    """One port that a node opens for its peers inside one plane, and the role it is for."""

    slot: str
    proto: Proto
    port: int
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tsig:
    """Stands in a secret file for the key, in base64, that may write a name in DNS.

    What a role puts on a node follows from the plan alone; keys come in when its bundle is made.

    Attributes:
        owner: the name, without a final dot.
        incarnation: which machine of that name; 0 for a guest.
    """

    owner: str
    incarnation: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateKey:
    """Stands in a secret file for the private SSH key of a replication, as OpenSSH writes it."""

    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKey:
    """Stands for the public half of the same."""

    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKey:
    """Stands for the public host key of a node's sshd."""

    owner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Stands in a secret file for a secret of the stack's own, by the name it is declared with."""

    name: str


Piece = str | Tsig | PrivateKey | PublicKey | HostKey | Named
"""A part of a secret file: text, or what stands for a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Where packages come from that Debian does not have.

    Attributes:
        uri: its address, of https.
        suite: as in sources.list(5).
        component: the same.
        key: the https URL of the OpenPGP certificate that it is signed with, among others maybe.
        fingerprint: of that certificate: 40 hex digits, in capitals.
    """

    uri: str
    suite: str
    component: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a role puts on one node.

    Attributes:
        files: text by path; a daemon finds it at `at(role, path)`, and everybody may read it.
        secrets: pieces by path, one text that root alone reads; it is at `hidden(role, path)`. A
            daemon that is not root gets it as a credential of its unit (systemd.exec(5)).
        units: text by the name of the unit, `backplane-….service`, `.timer` or `.socket`. A
            service runs while its role is there, unless one of the others, by its name, starts it.
        checks: commands that judge the files before anything is changed; `{}` in an argument is
            the directory of the role's files, `{hidden}` that of its secrets.
        archive: where the role's packages come from, if not from Debian.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, tuple[Piece, ...]] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    checks: tuple[tuple[str, ...], ...] = ()
    archive: Archive | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """A service a node runs.

    Attributes:
        name: how a declaration names it.
        everywhere: every node runs it, declared or not.
        routed: it is there in a routed mesh alone.
        implied: the section of the declaration that gives it to a node, if none may name it.
        behind: the role without which in the mesh it does nothing, and is not there.
        listens: each of its listeners.
        packages: Debian packages it needs, installed before anything is changed.
        shut: units that those packages bring and that never run: the role's own run instead, so
            that no daemon ever listens as its package would have it.
        ahead: text by absolute path, `/etc/…/….d/backplane.conf`: what stands before the packages
            are installed, and tells them what not to do.
        parts: what it puts on a node; nothing for a service of the user's own.
    """

    name: str
    everywhere: bool = False
    routed: bool = False
    implied: str | None = None
    behind: str | None = None
    listens: tuple[Listens, ...] = ()
    packages: tuple[str, ...] = ()
    shut: tuple[str, ...] = ()
    ahead: Mapping[str, str] = field(default_factory=dict)
    parts: Callable[[Plan, PlanNode], Parts] | None = None

    def on(self, slot: str) -> Role:
        """The same role with every listener on another plane."""
        return replace(self, listens=tuple((slot, proto, port) for _, proto, port in self.listens))

    def openings(self) -> tuple[Opening, ...]:
        """What this role opens, sorted."""
        return tuple(
            sorted(
                Opening(slot=slot, proto=proto, port=port, role=self.name)
                for slot, proto, port in self.listens
            )
        )


def at(role: str, path: str = "") -> str:
    """Where a role's file is while its generation is the active one."""
    return f"/run/backplane/active/roles/{role}/{path}".rstrip("/")


def hidden(role: str, path: str) -> str:
    """Where a role's secret is while its generation is the active one."""
    return f"/run/backplane/active/secrets/{role}/{path}"
