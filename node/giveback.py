"""Giving a machine back that was taken over: open again first, looked at from outside, then left.

``open_again`` opens sshd and the firewall as they were, while the planes go on; the runner then
looks after sshd at the machine's public address. ``keep`` is the commit: from then on the machine
is left, also by a boot that comes in between. Until `keep` a timer, a reboot or ``undo`` make the
machine dark again.
"""

import contextlib
import secrets

from node import (
    accounts,
    activation,
    before,
    console,
    firewall,
    fixed,
    hosts,
    identity,
    interfaces,
    lease,
    packages,
    roles,
    segments,
    services,
    sysctl,
    timers,
    trial,
)
from node.before import KEPT, LEAVING, Before
from node.errors import Refused
from node.layout import FIREWALL_UNIT, LINKS, MEMBERS_UNIT
from node.machine import Machine
from node.request import Answer, Request, ask

_DELAY = 1.0  # seconds: time for the answer to reach the runner before its way goes
_APT = (
    "sources.list.d/backplane*.list",
    "sources.list.d/backplane*.sources",
    "keyrings/backplane-*",
)
_AGAIN = "run `backplane release` again"


def open_again(machine: Machine, request: Request) -> Answer:
    """Open the machine as it was, until the timer runs out or `keep` is asked.

    The request: ``lease``, ``seconds`` for the timer, and the ``port`` of its sshd.

    Returns:
        ``host_key``: what its sshd shows from now on.
    """
    with machine.changing():
        was = _require_taken(machine)
        lease.require(machine, ask(request, "lease", str))
        key = machine.layout.at(before.HOST_KEY).read_text(encoding="ascii")
        text = trial.as_it_was(machine, was, ask(request, "port", int))
        # Read whole: what cannot be could not be made dark again by the timer.
        name = identity.confirmed(machine).name
        timers.arm(machine, name, ask(request, "seconds", float), verb="give-back-expire")
        trial.serve(machine, "before.conf", text)
        firewall.drop(machine)
        machine.journal.say("give back: sshd and the firewall are open as they were")
    return {"host_key": " ".join(key.split()[:2])}


def keep(machine: Machine, request: Request) -> Answer:
    """Leave the machine for good; the rest is done a second later, apart from this session."""
    with machine.changing():
        was = _require_taken(machine)
        lease.require(machine, ask(request, "lease", str))
        if not trial.served(machine):
            raise Refused("this machine is not open: it cannot be left", _AGAIN)
        before.move_on(machine, was, LEAVING)
        timers.disarm(machine)
        timers.detach(machine, f"backplane-leave-{secrets.token_hex(4)}", ["leave"], _DELAY)
    return {"leaving": True}


def undo(machine: Machine, _: Request) -> Answer:
    """Make the machine dark again, unless it is being left for good."""
    with machine.changing():
        return _darken(machine)


def expire(machine: Machine, request: Request) -> Answer:
    """What the timer runs: the same, unless that timer is no longer the armed one."""
    with machine.changing():
        if timers.fired(machine, ask(request, "unit", str)) is None:
            return {}
        return _darken(machine)


def leave(machine: Machine, _: Request) -> Answer:
    """What `keep` starts: see :func:`booted`."""
    with machine.changing():
        booted(machine)
    return {}


def booted(machine: Machine) -> None:
    """Leave a machine that is to be left, whatever has been done of that; nothing on any other.

    Until all is done the watch is started at every boot, and goes on here.

    Raises:
        Refused: A step failed; all of it is done again at the next call.
    """
    was = before.read(machine)
    if was is None or was.phase != LEAVING:
        return
    disk, layout = machine.disk, machine.layout
    # Its own files first: sshd would end at a link of ours that leads nowhere.
    before.put_back(machine, was.sshd)
    # While systemd still knows them.
    _end_roles(machine)
    accounts.end(machine)
    machine.commands.run(["systemctl", "disable", "--now", "--quiet", FIREWALL_UNIT])
    watch = f"/etc/systemd/system/{MEMBERS_UNIT}"
    ours = {path: was.files.get(path) for path in (*fixed.FILES, *fixed.LATER) if path != watch}
    before.put_back(machine, ours)
    firewall.drop(machine)
    trial.back(machine, was)
    for name, _ in sysctl.left(machine, ()):
        sysctl.give_back(machine, name)
    for name, value in was.settings.items():
        sysctl.write(machine, name, value)
    hosts.clear(machine)
    console.give_back(machine)
    names = interfaces.booted(machine) | interfaces.live_names(machine)
    interfaces.set_boot(machine, names, enabled=False)
    for name in sorted(names):
        interfaces.take_down(machine, name)
    before.put_back(machine, {path: was.files.get(path) for path, _ in LINKS})
    for pattern in _APT:
        for path in sorted(layout.at("/etc/apt").glob(pattern)):
            disk.remove(path)
    _forget_keys(machine)
    machine.commands.run(["systemctl", "disable", "--quiet", MEMBERS_UNIT])
    before.put_back(machine, {watch: was.files.get(watch)})
    machine.commands.run(["systemctl", "daemon-reload"], timeout=60)
    machine.journal.say("given back: this machine is what it was, but for packages")
    if layout.run.is_dir():
        disk.remove_tree(layout.run)
    disk.remove(layout.tool)
    disk.remove(layout.before)
    with contextlib.suppress(OSError):
        # Unless it is a disk of its own.
        layout.state.rmdir()
    machine.commands.run(["systemctl", "--no-block", "stop", MEMBERS_UNIT])


def _darken(machine: Machine) -> Answer:
    was = before.read(machine)
    if was is None or was.phase != KEPT:
        return {"dark": False}
    if trial.served(machine):
        trial.over(machine)
    activation.restore(machine, identity.confirmed(machine))
    timers.disarm(machine)
    machine.journal.say("give back: undone, the machine is dark")
    return {"dark": True}


def _end_roles(machine: Machine) -> None:
    """End the units of roles, and let those of their packages start again."""
    try:
        here = identity.confirmed(machine)
    except Refused:
        return
    for unit in roles.services(here):
        services.end(machine, unit)
    # The end of their unit leaves what is still declared, and here that is everything.
    segments.remove(machine)
    for unit in roles.shut(here.roles):
        packages.reopen(machine, unit)
    for path in roles.ahead(here.roles):
        machine.disk.remove(machine.layout.at(path))


def _forget_keys(machine: Machine) -> None:
    """Remove all of the state but what says that the machine is being left."""
    layout = machine.layout
    for path in sorted(layout.state.iterdir()):
        if path == layout.before:
            continue
        if path.is_dir() and not path.is_symlink():
            machine.disk.remove_tree(path)
        else:
            machine.disk.remove(path)
    machine.disk.sync_directory(layout.state)


def _require_taken(machine: Machine) -> Before:
    was = before.read(machine)
    if was is None or was.phase != KEPT:
        raise Refused(
            "this machine was not taken over, so there is nothing to give it back as",
            "a machine of a cloud is removed with its node: take the node off the declaration",
        )
    return was
