"""What a flip does to kernel settings: what is brought comes, and what is left out goes back."""

from collections.abc import Callable, Iterator
from functools import partial

from node import advertised, sysctl
from node.generations import Generation
from node.machine import Machine

Change = tuple[str, Callable[[], None], bool]
"""What it touches, what does it, and whether the generation counts as not live before."""


def changes(machine: Machine, target: Generation) -> Iterator[Change]:
    """Everything to do, in order.

    Raises:
        Refused: The kernel knows no such setting.
    """
    file, hears = target.file("sysctl.conf"), advertised.concerns(target.path)
    # A kernel that is to forward forgets its routers where it was not told before to hear them.
    for name, value in advertised.deaf(machine) if hears else ():
        yield f"sysctl {name}", partial(sysctl.bring, machine, name, value), False
    for name, value in sysctl.differences(machine, file):
        yield f"sysctl {name}", partial(sysctl.bring, machine, name, value), True
    named = {name for name, _ in sysctl.declared(file)}
    for name, otherwise in sysctl.left(machine, named):
        if not (hears and name.endswith(advertised.SETTING)):
            yield f"sysctl {name}: back", partial(sysctl.give_back, machine, name), otherwise
