"""Whether a generation changes this node's own keys: such a flip needs clocks that agree.

Others drop what the old key sends from the moment they flip, and a handshake carries the sender's
time: a node whose clock is behind by more than the others' last handshake with it is not heard.
"""

from node import generations
from node.errors import Refused
from node.machine import Machine

# Seconds. Time sync keeps machines within some ms of each other; this much is a broken one.
TOLERANCE = 2.0


def interfaces(machine: Machine, target: object) -> list[str]:
    """The interfaces whose own key the generation ``target`` changes, sorted.

    Empty for a generation that is not on this machine, or for none.
    """
    if not isinstance(target, str) or not machine.layout.generation(target).is_dir():
        return []
    active = generations.named(machine, machine.layout.active)
    if active is None or active == target:
        return []
    now = generations.load(machine, active).wireguard()
    then = generations.load(machine, target).wireguard()
    return [
        name for name in sorted(then) if name in now and now[name].private != then[name].private
    ]


def require_clock(machine: Machine, target: str, wall: float, at: int) -> None:
    """Refuse to change keys on a machine whose clock is off.

    Args:
        machine: The machine.
        target: The generation that is about to be made live.
        wall: What the clock should say, seconds since 1970: the middle of the mesh's clocks.
        at: When it should say so, ns of CLOCK_MONOTONIC: the order may be long on its way.

    Raises:
        Refused: It is off by more than the tolerance, and the generation changes keys.
    """
    off = machine.clock.wall() - wall - (machine.clock.now_ns() - at) / 1e9
    if abs(off) > TOLERANCE and interfaces(machine, target):
        raise Refused(
            f"its clock is {abs(off):.1f} s {'ahead of' if off > 0 else 'behind'} the mesh's, "
            f"and a change of keys allows {TOLERANCE:g} s",
            "see `timedatectl` on it: time sync must run (systemd-timesyncd) and reach its server",
        )
