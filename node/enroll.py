"""From the one-time keys of first boot to the lasting ones.

The first half runs in the runner's session over wg0 and leaves wg0 alone. The second runs by
itself a second later: wg0 takes its lasting key, and generation 0 is deleted with all it held.
Whatever is cut, wherever: boot reads either generation 0, whole, or the first lasting one, whole,
and the next `enroll` goes on from there.
"""

import secrets

from node import (
    activation,
    bundle,
    generations,
    identity,
    interfaces,
    record,
    staging,
    timers,
    verbs,
)
from node.errors import Refused
from node.layout import BIRTH
from node.machine import Machine
from node.request import AGAIN, Answer, Request

_DELAY = 1.0  # seconds: time for the answer to reach the runner before wg0 changes its key
_FIRST_WAY_IN = "wg0"


def enroll(machine: Machine, text: str) -> Answer:
    """Take in the first lasting generation.

    Args:
        machine: The machine.
        text: The birth bundle, base64.

    Returns:
        ``enrolled``: the generation that is confirmed now.

    Raises:
        Refused: The bundle is refused, or this machine is enrolled as another node or incarnation.
    """
    decoded = bundle.decode(text)
    with machine.changing():
        here = identity.confirmed(machine)
        if here.name == BIRTH:
            here = staging.admit(machine, decoded)
            # What is live is generation 0's: said before the link to it moves.
            record.save(machine, record.read(machine))
            interfaces.set_boot(machine, set(here.wireguard()), enabled=True)
            generations.confirm(machine, here.name)
            machine.journal.say(f"enrolling: confirmed {here.name}")
        else:
            staging.require_same(here, decoded)
        if machine.layout.generation(BIRTH).exists():
            others = frozenset(here.wireguard()) - {_FIRST_WAY_IN}
            activation.apply(machine, here, only=others)
            unit = f"backplane-enroll-{secrets.token_hex(4)}"
            timers.detach(machine, unit, ["finish-enroll"], _DELAY)
    return {"enrolled": here.name}


def finish(machine: Machine, _: Request) -> Answer:
    """Give wg0 its lasting key and delete what was for one time only."""
    with machine.changing():
        here = identity.confirmed(machine)
        if here.name == BIRTH:
            raise Refused("this machine is not enrolled yet", AGAIN)
        if machine.layout.generation(BIRTH).exists():
            # A rollout that has begun meanwhile sets wg0 by itself, forth or back.
            if timers.armed(machine) is None:
                activation.apply(machine, here)
            generations.remove(machine, BIRTH)
            verbs.settle(machine)
            machine.journal.say(f"enrolled: {here.name}, one-time keys deleted")
    return {"enrolled": here.name}
