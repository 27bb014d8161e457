"""Who may run what as root, as sudoers(5) has it."""

from collections.abc import Iterable

from backplane.login_rules import EVERYTHING
from backplane.logins import Login

_ESCAPED = str.maketrans({sign: f"\\{sign}" for sign in ",:="})


def sudoers(accounts: Iterable[Login]) -> str:
    """Who may run what as root (sudoers(5)); no account has a password that could be asked for.

    A command without arguments may be run with none: `""` says so.
    """
    lines = ["# written anew with each generation: edit the declaration instead"]
    for one in accounts:
        if not one.sudo:
            continue
        lines.append(f"Defaults:{one.user} env_reset, !setenv, use_pty")
        every = one.sudo == (EVERYTHING,)
        who = "(ALL:ALL)" if every else "(root:root)"
        told = EVERYTHING if every else ", ".join(map(_command, one.sudo))
        lines.append(f"{one.user} ALL={who} NOPASSWD: {told}")
    return "".join(f"{line}\n" for line in lines)


def _command(text: str) -> str:
    path, _, arguments = text.partition(" ")
    return f"{path} {arguments.translate(_ESCAPED) or chr(34) * 2}"
