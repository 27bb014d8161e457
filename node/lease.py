"""Who may change this node: one rollout at a time, and never for ever."""

from node.errors import Refused
from node.machine import Machine

_LONGEST = 24 * 3600.0
_WAIT = "wait for it to end, or for the lease to run out; then run `pulumi up` again"


def holder(machine: Machine) -> tuple[str, float] | None:
    """Id of the holder and the seconds it has left; None when nobody holds the node."""
    record = machine.recall(machine.layout.lease)
    if record is None:
        return None
    left = float(str(record["expires"])) - machine.clock.seconds()
    return (str(record["id"]), left) if left > 0 else None


def take(machine: Machine, lease: str, seconds: float) -> float:
    """Take the lease, or keep it for longer.

    Returns:
        Seconds until it runs out.

    Raises:
        Refused: Another rollout holds it.
    """
    if not lease or not 0 < seconds <= _LONGEST:
        raise Refused(
            f"a lease needs an id and more than 0 up to {_LONGEST:g} seconds",
            "run `pulumi up` again; if it stays, the runner and the tool differ in version",
        )
    held = holder(machine)
    if held and held[0] != lease:
        raise Refused(
            f"another rollout ({held[0]}) holds this node for up to {held[1]:.0f} s more", _WAIT
        )
    expires = machine.clock.seconds() + seconds
    machine.remember(machine.layout.lease, {"id": lease, "expires": expires})
    return seconds


def require(machine: Machine, lease: str) -> None:
    """Refuse whoever does not hold the lease."""
    held = holder(machine)
    if held is None:
        raise Refused(
            f"nobody holds this node: the lease {lease} has run out or a reboot ended it",
            "run `pulumi up` again",
        )
    if held[0] != lease:
        raise Refused(
            f"another rollout ({held[0]}) holds this node for up to {held[1]:.0f} s more", _WAIT
        )


def release(machine: Machine, lease: str) -> bool:
    """Give the lease back; nothing when someone else holds it.

    Returns:
        Whether it was held by ``lease``.
    """
    held = holder(machine)
    if held and held[0] != lease:
        return False
    machine.forget(machine.layout.lease)
    return held is not None
