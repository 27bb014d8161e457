"""sshd's settings: keys only, on plane addresses only. A drop-in that is read first and so wins.

No AcceptEnv: sshd 9.2 knows no way to take back what the distribution's own file lets in (LANG and
LC_*). No PerSourcePenalties: sshd 9.2 refuses the word; first boot sets it where it is known.
"""

from collections.abc import Iterable

from backplane import planes
from backplane.days import stamp_of_end
from backplane.plan import PlanNode, PlanPerson
from backplane.roles import replica
from backplane.roles.base import hidden

ACTIVE = "/run/backplane/active"
"""The link that every daemon reads through: the generation that is live."""

PORT = 22

ASK = "backplane-members"
"""The name by which one node asks another for the signed list of the mesh's members."""

STATEMENT = "/run/backplane/members"
"""Where that list lies, for sshd to show."""

LOGIN_KEYS = "logins/keys"
"""Where in a generation the keys of people's own accounts lie, a file for each."""

LISTEN_SLOTS: tuple[str, ...] = (planes.ENROLLMENT.slot, planes.MANAGEMENT.slot)
"""Where sshd listens: the two ways in."""


def config(
    node: PlanNode, *, slots: Iterable[str], copies: bool = False, logins: Iterable[str] = ()
) -> str:
    """The drop-in for a node.

    Args:
        node: whose.
        slots: the planes that are up; it listens on those of them that are ways in.
        copies: whether other nodes send datasets here: then it listens on storage, for them alone.
        logins: the accounts of people's own, by name: nobody else but root can log in.
    """
    users = sorted(logins)
    up = set(slots)
    listen: list[str] = []
    for slot in (*LISTEN_SLOTS, *([planes.STORAGE.slot] if copies else ())):
        if slot in up:
            address = node.addresses[slot]
            listen += [
                f"ListenAddress {address.v4}:{PORT}",
                f"ListenAddress [{address.v6}]:{PORT}",
            ]
    return "\n".join(
        [
            f"# {node.name}: read before everything else, so the first value is this one",
            f"Port {PORT}",
            "AddressFamily any",
            *listen,
            f"HostKey {ACTIVE}/ssh_host_ed25519_key",
            f"AuthorizedKeysFile {ACTIVE}/authorized_keys",
            "AuthenticationMethods publickey",
            "PubkeyAuthentication yes",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitEmptyPasswords no",
            "PermitRootLogin prohibit-password",
            f"AllowUsers {' '.join(['root', *users])}",
            "StrictModes yes",
            # Which key let a session in: whose it is when the person goes (node/logins.py).
            "ExposeAuthInfo yes",
            "DisableForwarding yes",
            "PermitTunnel no",
            "PermitUserEnvironment no",
            "PermitUserRC no",
            "UseDNS no",
            "LoginGraceTime 30",
            "ClientAliveInterval 15",
            "ClientAliveCountMax 4",
            # A rollout opens a few sessions per node at once, and people's tools more.
            "MaxStartups 100:30:200",
            "MaxSessions 64",
            # Whoever asks by this name, which no account has, is shown who belongs to the mesh.
            # It ends with the file; were it not so, it is this name that later lines would be for.
            f"Match User {ASK}",
            f"Banner {STATEMENT}",
            *(_received(node) if copies else ()),
            # Behind it, so that nobody comes by storage.
            *(_own(users) if users else ()),
            "",
        ]
    )


def _own(users: list[str]) -> list[str]:
    """Where the keys of people's own accounts are: sshd reads them as that user."""
    return [f"Match User {','.join(users)}", f"AuthorizedKeysFile {ACTIVE}/{LOGIN_KEYS}/%u"]


def _received(node: PlanNode) -> list[str]:
    """What holds on storage: no person's key opens it, and what a key may do stands beside it."""
    own = node.addresses[planes.STORAGE.slot]
    return [
        f"Match LocalAddress {own.v4},{own.v6}",
        f"AuthorizedKeysFile {hidden(replica.NAME, replica.AUTHORIZED)}",
        "PermitRootLogin forced-commands-only",
        "AllowUsers root",
        "PermitTTY no",
    ]


def authorized_keys(
    people: Iterable[tuple[PlanPerson, str]],
    *,
    slots: Iterable[str],
    entries: Iterable[PlanNode] = (),
) -> str:
    """Who may log in to an account, each from their own addresses, operators by entries too.

    Args:
        people: persons with their SSH public keys.
        slots: the planes that are up.
        entries: the other nodes of the site by which operators come, in those nodes' names.
    """
    ways = [slot for slot in LISTEN_SLOTS if slot in set(slots)]
    by = list(entries)
    lines: list[str] = []
    for person, public in sorted(people, key=lambda pair: pair[0].name):
        on = [slot for slot in ways if slot in person.addresses]
        at = [person.addresses[slot] for slot in on]
        if person.kind == "operator":
            at += [node.addresses[slot] for node in by for slot in on]
        if at:
            source = ",".join(text for address in at for text in (address.v4, address.v6))
            # sshd itself refuses the key then, whoever hands on a packet for it.
            end = f',expiry-time="{stamp_of_end(person.expires)}"' if person.expires else ""
            lines.append(f'from="{source}"{end} {public} {person.name}')
    return "".join(f"{line}\n" for line in lines)
