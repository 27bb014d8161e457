"""The watch for removals: asks other nodes for the newest list of members, at boot and then on.

At boot it is asked until one has answered; alone in the world, a node lets operators in after a
minute, since whoever can silence all other nodes is not stopped by the last one's silence either.
Later a few others are asked every few minutes: a node that no runner reaches still learns.
"""

import random
import signal
from concurrent.futures import ThreadPoolExecutor

from node import accounts, advertised, giveback, identity, membership, takeover
from node.generations import Generation
from node.layout import BIRTH
from node.machine import Machine
from node.membership import Members
from node.request import Answer, Request

ALONE = 60.0  # seconds after which a node that nobody answers lets operators in
EVERY = 300.0  # seconds between two looks later on
AGAIN = 2.0  # seconds between two looks at boot
SOME = 3  # nodes asked at a later look
AT_ONCE = 16
PATIENCE = 5  # seconds for one node's answer
ASK = "backplane-members"


def run(machine: Machine, _: Request) -> Answer:
    """Watch until systemd ends it."""
    # The other verbs end what they have begun; this one has no end.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with machine.changing():
        takeover.booted(machine)
        giveback.booted(machine)
        accounts.booted(machine)
    begin = machine.clock.seconds()
    while True:
        advertised.hear(machine)
        known = look(machine, alone=machine.clock.seconds() - begin > ALONE)
        machine.clock.sleep(pause(machine) if known else AGAIN)


def pause(machine: Machine) -> float:
    """Seconds until the next look: sooner where somebody's last day ends before."""
    wall = machine.clock.wall()
    ends = (peer.until for peer in membership.peers(identity.confirmed(machine)))
    left = (end - wall for end in ends if end is not None and end > wall)
    return min([EVERY, *left])


def look(machine: Machine, *, alone: bool) -> bool:
    """Ask once; True when this node knows who belongs to the mesh.

    Args:
        machine: The machine.
        alone: Whether to give up on an answer of others.
    """
    here = identity.confirmed(machine)
    if here.name == BIRTH:
        return False
    own = membership.kept(machine, here)
    if own is not None:
        membership.show(machine, own)
    others = [peer for peer in membership.peers(here) if peer.kind == "node" and peer.way]
    settled = machine.recall(machine.layout.removed) is not None
    # Which few are asked need not be unguessable.
    asked = random.sample(others, SOME) if settled and len(others) > SOME else others
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        lines = list(pool.map(lambda peer: ask(machine, str(peer.way)), asked))
    answered = [line for line in lines if line is not None]
    if not answered and others and not settled and not alone:
        return False
    _take(machine, here, own, answered)
    return True


def _take(machine: Machine, here: Generation, own: Members | None, lines: list[str]) -> None:
    with machine.changing():
        if identity.confirmed(machine).name != here.name:
            return  # a rollout has been here meanwhile, and knows better
        found = [membership.read(machine, here, line) for line in sorted(set(lines))]
        best = membership.newest(one for one in (own, *found) if one is not None)
        if best is not None and (own is None or best.serial > own.serial):
            membership.keep(machine, best)
        membership.settle(machine, here, best)


def ask(machine: Machine, address: str) -> str | None:
    """What a node shows: its list; empty when it has none; None when it does not answer."""
    done = machine.commands.run(
        ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={PATIENCE}",
         "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
         "-o", "GlobalKnownHostsFile=/dev/null", "-o", "PreferredAuthentications=none",
         f"{ASK}@{address}"],
        timeout=3 * PATIENCE,
    )  # fmt: skip
    if "Permission denied" not in done.err:
        return None
    shown = [line for line in done.err.splitlines() if line.split()[:1] and line[0].isdigit()]
    return shown[0] if shown else ""
