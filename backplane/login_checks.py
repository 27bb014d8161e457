"""The rules about logins, read from the raw declaration."""

from collections.abc import Iterator

from backplane.breach import breach
from backplane.login_rules import MOST, is_command, is_reserved
from backplane.logins import uid
from backplane.mistakes import Mistake
from backplane.raw import Raw

_LOGIN, _USER, _SUDO = (f"operators.*.login{part}" for part in ("", ".user", ".sudo"))


def logins(view: Raw) -> Iterator[Mistake]:
    """Logins: nobody else's name, commands that mean what they say, and one person one account."""
    rights: dict[str, tuple[str, object]] = {}
    numbers: dict[int, tuple[str, str]] = {}
    for path, operator in view.members("operators"):
        login = Raw(operator.mapping("login"))
        user = login.text("user")
        yield from _commands(f"{path}.login.sudo", login.list("sudo"))
        if user is None:
            continue
        at = f"{path}.login.user"
        if is_reserved(user):
            yield breach(at, f"`{user}` is the name of an account that is no person's", _USER)
        sudo = _rights(login)
        first, held = rights.setdefault(user, (path, sudo))
        if held != sudo:
            what = f"`{user}` may do something else by {first}"
            fix = "write the same `sudo` at all devices of one person; another person, another user"
            yield breach(f"{path}.login.sudo", what, _LOGIN, fix=fix)
        other, there = numbers.setdefault(uid(user), (user, at))
        if other != user:
            what = f"`{user}` would get the same number as `{other}` at {there}"
            yield breach(at, what, _USER, fix="choose another name for one of the two")


def _rights(login: Raw) -> object:
    listed = login.list("sudo")
    return sorted(map(str, listed)) if listed else login.text("sudo") or "none"


def _commands(at: str, listed: list[object]) -> Iterator[Mistake]:
    if len(listed) > MOST:
        yield breach(at, f"are {len(listed)} commands", _SUDO)
    for position, one in enumerate(listed):
        where = f"{at}.{position}"
        if not is_command(one):
            yield breach(where, f"`{one}` is no command as it may stand here", _SUDO)
        elif one in listed[:position]:
            yield breach(where, f"`{one}` is there twice", _SUDO, fix="remove one")
