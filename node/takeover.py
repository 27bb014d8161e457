"""Taking over a machine that is in use and open to the world, step by step, each undone by itself.

``tunnel`` brings wg0 up beside everything else; ``trial`` starts a second sshd there, with our
settings; ``close`` moves the machine's own sshd to wg0 and shuts the firewall. The runner looks
after each of them, over the plane. ``keep`` then makes boot read generation 0, as user-data does on
a machine that is born dark; enrollment goes on from there. Until `keep` a timer, a reboot or
``undo`` make the machine what it was, and nothing of ours that is on its disk takes effect at boot.
"""

import base64
from collections.abc import Callable
from functools import partial
from typing import Any

from node import before, firewall, fixed, generations, interfaces, packages, sysctl, timers, trial
from node.before import KEPT, TRYING
from node.errors import Refused
from node.generations import Generation
from node.layout import BIRTH, FIREWALL_UNIT, LINKS, MEMBERS_UNIT
from node.machine import Machine
from node.request import AGAIN, Answer, Request, ask

_WAY = "wg0"
_TMPFILES = "/etc/tmpfiles.d/backplane.conf"
_NEEDED = ("nftables", "wireguard-tools")
_IN_USER_SPACE = "wireguard-go"
_LONGEST = 3600.0
_FIX = "look at `journalctl -t backplane-node` on the machine; its timer makes it what it was"
# Sessions that run are known to the firewall before it shuts, and so go on.
_KNOWN = """\
table inet backplane
delete table inet backplane
table inet backplane {
\tchain known {
\t\ttype filter hook input priority filter; policy accept;
\t\tct state established accept
\t}
}
"""


def tunnel(machine: Machine, request: Request) -> Answer:
    """Remember the machine as it is, and bring wg0 up beside all that runs.

    The request: ``files``, generation 0 as {path: [mode, base64]}, and ``seconds`` for the timer.
    """
    _require_open(machine)
    trial.require_plain(machine)
    with machine.alone(machine.layout.packing, patience=600.0):
        wanted = [*_NEEDED, *_in_user_space(machine)]
        packages.ensure(machine, wanted, shut=(), ahead={}, others={})
    with machine.changing():
        _require_open(machine)
        _undo(machine)
        first = _write(machine, ask(request, "files", dict))
        before.remember(machine, first.file("sysctl.conf"))
        _arm(machine, request)
        generations.activate(machine, BIRTH)
        interfaces.bring_up(machine, _WAY)
        machine.commands.must(
            ["nft", "--file", "-"], stdin=_KNOWN, why="nft refuses a table of ours", fix=_FIX
        )
        machine.journal.say("takeover: wg0 is up beside what was there")
    return {"tunnel": _WAY}


def try_sshd(machine: Machine, request: Request) -> Answer:
    """Start a second sshd on wg0, with our settings, host key and push key; tells its port."""
    with machine.changing():
        _require_trying(machine)
        _arm(machine, request)
        first = generations.load(machine, BIRTH)
        port = trial.second(machine, first)
    return {"port": port}


def close(machine: Machine, request: Request) -> Answer:
    """Move sshd to wg0 and shut the firewall, until the timer runs out or `keep` is asked."""
    with machine.changing():
        _require_trying(machine)
        _arm(machine, request)
        first = generations.load(machine, BIRTH)
        for setting, value in sysctl.differences(machine, first.file("sysctl.conf")):
            sysctl.write(machine, setting, value)
        trial.serve(machine, "planes.conf", trial.planes(machine, first))
        firewall.load(machine, first.file("nftables.nft"))
        machine.journal.say("takeover: sshd and the firewall are closed to all but wg0")
    return {"closed": True}


def keep(machine: Machine, _: Request) -> Answer:
    """Have boot read generation 0 from now on; the machine is dark for good."""
    with machine.changing():
        if generations.named(machine, machine.layout.confirmed) is None:
            _require_trying(machine)
            if not trial.served(machine):
                raise Refused("this machine is not closed yet: nothing of it can be kept", AGAIN)
            _prepare_boot(machine)
            generations.confirm(machine, BIRTH)
        resume(machine)
    return {"kept": True}


def undo(machine: Machine, _: Request) -> Answer:
    """Make the machine what it was, unless it is taken over for good."""
    with machine.changing():
        return _end(machine)


def expire(machine: Machine, request: Request) -> Answer:
    """What the timer runs: the same, unless that timer is no longer the armed one."""
    with machine.changing():
        if timers.fired(machine, ask(request, "unit", str)) is None:
            return {}
        return _end(machine)


def booted(machine: Machine) -> None:
    """End what a boot found under way: forth behind its commit, back before it."""
    was = before.read(machine)
    if was is not None and was.phase == TRYING:
        _end(machine)


def _end(machine: Machine) -> Answer:
    if generations.named(machine, machine.layout.confirmed) is not None:
        resume(machine)
        return {"kept": True}
    _undo(machine)
    return {"kept": False}


def resume(machine: Machine) -> None:
    """Finish a takeover behind its commit; nothing on any other machine.

    Raises:
        Refused: A step failed; all of it is done again at the next call.
    """
    was = before.read(machine)
    if was is None or was.phase != TRYING:
        return
    disk, at = machine.disk, machine.layout.at
    # What stands in sshd's own files may open doors or shut ours: all of them go.
    disk.replace(at(before.SSHD), trial.PLAIN.encode(), 0o644)
    for path in was.sshd:
        if path.startswith(f"{before.SSHD_PARTS}/"):
            disk.remove(at(path))
    if line := trial.penalties(machine):
        disk.replace(at(before.PENALTIES), line.encode(), 0o644)
    for path, aim in LINKS:
        if path.startswith(before.SSHD_PARTS):
            disk.point(at(path), aim)
    trial.over(machine)
    trial.end_second(machine)
    machine.commands.must(
        ["systemctl", "restart", FIREWALL_UNIT],
        why=f"{FIREWALL_UNIT} does not start",
        fix=_FIX,
        timeout=60,
    )
    machine.commands.run(["systemctl", "--no-block", "try-restart", "systemd-resolved.service"])
    before.move_on(machine, was, KEPT)
    timers.disarm(machine)
    machine.journal.say("takeover: kept")
    # At a boot it is this unit that is here: a restart would end it.
    machine.commands.run(["systemctl", "--no-block", "start", MEMBERS_UNIT])


def _prepare_boot(machine: Machine) -> None:
    """Write what boot will need; none of it does anything before a generation is confirmed."""
    for path, text in fixed.FILES.items():
        machine.disk.ensure_directory(machine.layout.at(path).parent, 0o755)
        machine.disk.replace(machine.layout.at(path), text.encode(), 0o644)
    for path, aim in LINKS:
        # sshd ends at a link that leads nowhere: its own comes behind the commit.
        if not path.startswith(before.SSHD_PARTS):
            machine.disk.ensure_directory(machine.layout.at(path).parent, 0o755)
            machine.disk.point(machine.layout.at(path), aim)
    for words in (["daemon-reload"], ["enable", "--quiet", FIREWALL_UNIT, MEMBERS_UNIT]):
        machine.commands.must(
            ["systemctl", *words], why="systemd does not take our units", fix=_FIX, timeout=60
        )
    interfaces.set_boot(machine, {_WAY}, enabled=True)
    trial.sync_units(machine)
    # Daemons that are not root's look for their files there.
    machine.commands.must(
        ["systemd-tmpfiles", "--create", _TMPFILES], why="/run is not set up", fix=_FIX
    )


def _undo(machine: Machine) -> None:
    """Make the machine what it was: open first, then everything else; again is fine.

    Raises:
        Refused: At the end, naming every step that failed.
    """
    was = before.read(machine)
    if was is None:
        # Cut off, or refused, before anything but its own files was touched.
        generations.remove(machine, BIRTH)
        return
    # sshd's own files change behind the commit alone: they are its owner's still.
    files = {path: what for path, what in was.files.items() if path not in was.sshd}
    ends = [partial(trial.back, machine, was)] if trial.astray(machine, was) else []
    steps: list[Callable[[], object]] = [
        *ends,
        partial(firewall.drop, machine),
        *(partial(sysctl.write, machine, name, value) for name, value in was.settings.items()),
        partial(trial.end_second, machine),
        partial(interfaces.take_down, machine, _WAY),
        partial(_off, machine),
        partial(before.put_back, machine, files),
        partial(machine.commands.run, ["systemctl", "daemon-reload"], timeout=60),
    ]
    failures = []
    for step in steps:
        try:
            step()
        except (Refused, OSError) as error:
            failures.append(str(error))
    if failures:
        raise Refused(f"the machine is what it was but for: {'; '.join(failures)}", _FIX)
    machine.disk.remove(machine.layout.active)
    generations.remove(machine, BIRTH)
    timers.disarm(machine)
    machine.disk.remove(machine.layout.before)
    machine.disk.sync_directory(machine.layout.state)
    machine.journal.say("takeover: undone, the machine is what it was")


def _off(machine: Machine) -> None:
    interfaces.set_boot(machine, {_WAY}, enabled=False)
    for unit in (FIREWALL_UNIT, MEMBERS_UNIT):
        machine.commands.run(["systemctl", "disable", "--now", "--quiet", unit], timeout=60)


def _write(machine: Machine, files: dict[str, Any]) -> Generation:
    """Write generation 0 durably; user-data's cloud-init does so elsewhere."""
    disk, layout = machine.disk, machine.layout
    disk.ensure_directory(layout.state, 0o755)
    disk.ensure_directory(layout.generations, 0o755)
    generations.remove(machine, BIRTH)
    folder = layout.generation(BIRTH)
    for path, (mode, text) in files.items():
        disk.ensure_directory((folder / path).parent, 0o755)
        disk.replace(folder / path, base64.b64decode(text), int(mode, 8))
    return generations.load(machine, BIRTH)


def _in_user_space(machine: Machine) -> list[str]:
    """The package that speaks WireGuard where the kernel does not."""
    probe = ["ip", "link", "add", "bp-probe", "type", "wireguard"]
    if machine.commands.run(probe).code == 0:
        machine.commands.run(["ip", "link", "del", "bp-probe"])
        return []
    return [_IN_USER_SPACE]


def _arm(machine: Machine, request: Request) -> None:
    seconds = ask(request, "seconds", float)
    if not 1 <= seconds <= _LONGEST:
        raise Refused(f"a timer of {seconds:g} s is out of range", "declare `timer: 120`")
    timers.arm(machine, BIRTH, seconds, verb="takeover-expire")


def _require_open(machine: Machine) -> None:
    if generations.named(machine, machine.layout.confirmed) is not None:
        raise Refused(
            "this machine is taken over already",
            "run `pulumi up` from the stack that has it, or `backplane release` it there",
        )


def _require_trying(machine: Machine) -> None:
    was, timer = before.read(machine), timers.armed(machine)
    if was is None or was.phase != TRYING or timer is None:
        raise Refused("no takeover is under way here: it was undone", AGAIN)
