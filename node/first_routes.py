"""The routes by which a gateway's packets leave its site before BGP and the daemon say how.

A flip makes them with all else: where the mesh was not routed before, both take seconds.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from node import forwarding, routed
from node.difference import Difference
from node.errors import Refused
from node.generations import Generation
from node.machine import Machine

_NAMES = {"-4": "IPv4", "-6": "IPv6"}


def differences(machine: Machine, target: Generation) -> Iterator[Difference]:
    """Those that are missing.

    One that the kernel does not take, or does not tell of, is the daemon's to try again: neither a
    flip nor an undo waits for it.
    """
    told = routed.within(target.path)
    if told is None or told.slot is None:
        return
    try:
        live = forwarding.read(machine)
    except Refused as refused:
        machine.journal.say(f"routes to other sites: {refused.error}")
        return
    for family, paths in forwarding.wanted(told, {}, ()).items():
        first = {one for one in paths.routes if one.metric == forwarding.BOOTSTRAP}
        if missing := first - live[family].routes:
            want = {**live, family: replace(live[family], routes=live[family].routes | missing)}
            yield Difference(
                area="routes",
                what=f"routes to other sites, {_NAMES[family]}",
                declared=", ".join(sorted(one.prefix for one in missing)),
                live="",
                mend=partial(forwarding.apply, machine, live, want),
                blocking=False,
            )
