"""Logins: people's own accounts on nodes, each with a number that is nobody else's."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from backplane import planes

if TYPE_CHECKING:
    from backplane.members import PlanPerson

FIRST_UID, UIDS = 65536, 34464
"""65536 to 99999: neither Debian's useradd nor systemd gives these away, and the subordinate ids
of containers begin at 100000 (Debian policy 9.2.2, systemd's UIDS-GIDS, login.defs(5))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A person's account.

    Attributes:
        user: its name, on every node.
        sudo: the commands that it may run as root, `ALL` for every one; sorted.
    """

    user: str
    sudo: tuple[str, ...] = ()

    @property
    def uid(self) -> int:
        """The number of the account and of its group."""
        return uid(self.user)


def uid(user: str) -> int:
    """The number of an account: it follows from the name alone, so that it is one everywhere.

    An operator's id would not do: one person's devices have several, and an id that is free again
    may be given to somebody else, who would then own what the first one left behind.
    """
    digest = hashlib.sha256(f"backplane login {user}".encode()).digest()
    return FIRST_UID + int.from_bytes(digest[:8]) % UIDS


def able(people: "Iterable[PlanPerson]") -> tuple[Login, ...]:
    """The accounts of those who are on a plane by which nodes let people in."""
    ways = set(planes.REQUIRED)
    return distinct(person.login for person in people if ways & set(person.addresses))


def distinct(logins: Iterable[Login | None]) -> tuple[Login, ...]:
    """Each account once, by name; devices without one are left out."""
    found = {one.user: one for one in logins if one is not None}
    return tuple(found[user] for user in sorted(found))
