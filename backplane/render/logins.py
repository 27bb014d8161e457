"""What people's own accounts are made of: who there is, by which keys, with which rights."""

import json
from collections.abc import Iterable

from backplane.logins import Login, able
from backplane.plan import PlanNode, PlanPerson
from backplane.render import sshd

ACCOUNTS = "logins/accounts.json"
"""Who there is: {"accounts": [{"user", "uid"}, …]}. Keys lie beside it, for everybody to read."""


def files(
    people: Iterable[tuple[PlanPerson, str]],
    *,
    slots: Iterable[str],
    entries: Iterable[PlanNode] = (),
) -> dict[str, str]:
    """Text by path inside the generation; nothing where nobody has an account of their own.

    Args:
        people: persons with their SSH public keys.
        slots: the planes that are up.
        entries: the other nodes of the site by which operators come.
    """
    pairs, up, by = list(people), list(slots), list(entries)
    accounts = able(person for person, _ in pairs)
    if not accounts:
        return {}
    made = {ACCOUNTS: _accounts(accounts)}
    for login in accounts:
        own = [(person, key) for person, key in pairs if person.login == login]
        path = f"{sshd.LOGIN_KEYS}/{login.user}"
        made[path] = sshd.authorized_keys(own, slots=up, entries=by)
    return made


def _accounts(accounts: Iterable[Login]) -> str:
    told = [{"user": one.user, "uid": one.uid} for one in accounts]
    return json.dumps({"accounts": told}, sort_keys=True) + "\n"
