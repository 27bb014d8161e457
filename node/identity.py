"""Who this machine is: its confirmed generation says so."""

from node import generations
from node.errors import Refused
from node.generations import Generation
from node.machine import Machine


def confirmed_name(machine: Machine) -> str:
    """The name of the generation that boot reads.

    Raises:
        Refused: There is none.
    """
    name = generations.named(machine, machine.layout.confirmed)
    if name is None:
        raise Refused(
            "this machine has no confirmed generation: its disk is not as first boot left it",
            "raise its `incarnation` in the declaration, then run `pulumi up` to build it anew",
        )
    return name


def confirmed(machine: Machine) -> Generation:
    """The generation that boot reads."""
    return generations.load(machine, confirmed_name(machine))
