"""A machine that is no gateway any more, or of a mesh that is routed no more."""

from node import forwarding, routed, standing
from node.machine import Machine
from node.request import Answer, Request


def end(machine: Machine, _: Request) -> Answer:
    """Take away whatever the daemon made, unless the active generation has a use for it still.

    Returns:
        ``removed``: whether anything was to be.
    """
    if (machine.layout.active / routed.FILE).exists():
        return {"removed": False}
    retire(machine)
    machine.forget(standing.owners_file(machine))
    machine.forget(standing.shown_file(machine))
    return {"removed": True}


def retire(machine: Machine) -> None:
    """Take away what makes a gateway of a machine.

    That it is drained is forgotten only where no way back leads to a gateway that was.
    """
    nothing = forwarding.Paths()
    live = forwarding.read(machine)
    # A gateway has routes by its links at all times.
    if any(paths.routes or paths.rules for paths in live.values()):
        forwarding.apply(machine, live, dict.fromkeys(live, nothing))
        forwarding.load(machine, forwarding.no_copies())
    before = routed.read(machine, confirmed=True)
    if before is None or before.slot is None:
        machine.disk.remove(standing.drained_file(machine))
