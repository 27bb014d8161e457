"""Whether the whole machine goes down, and not the daemon that asks alone."""

from node.errors import Refused
from node.machine import Machine

_LONGEST = 1.0


def goes_down(machine: Machine) -> bool:
    """Whether systemd stops everything: a shutdown, a reboot, a halt (systemctl(1))."""
    try:
        done = machine.commands.run(["systemctl", "is-system-running"], timeout=_LONGEST)
    except Refused:
        return False
    return done.out.strip() == "stopping"
