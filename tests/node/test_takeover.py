"""Taking a machine over: at every moment its owner gets in as before, or the runner over wg0."""

import os
import shutil
from pathlib import Path

import pytest

from node import before, takeover
from node.errors import Refused
from node.layout import BIRTH, SSH_SOCKET, SSH_UNIT
from tests.node.cuts import Cut, CutDisk, Platter, Scissors
from tests.node.found import SECONDS, STEPS, breaking, found, house, restarted, resume, street, take
from tests.node.model import Box

OTHERS = 300
SOCKETS = pytest.mark.parametrize("socket", [False, True], ids=["service", "socket"])


def is_untouched(box: Box, was: dict[str, str]) -> None:
    """It is what it was, on the disk and live."""
    assert street(box).public
    assert house(box.layout.root) == was
    assert street(box).links == {}
    assert street(box).firewall == ""
    assert not street(box).second
    assert not box.layout.generation(BIRTH).exists()
    assert before.read(box.machine) is None
    assert [path for path in box.layout.at("/run/systemd").rglob("*") if path.is_file()] == []
    setting = box.layout.settings / "net/ipv4/ip_nonlocal_bind"
    assert setting.read_text().strip() == "0"


@SOCKETS
def test_each_step_leaves_a_way_in(tmp_path: Path, *, socket: bool) -> None:
    """Public until the machine is closed, then over wg0 alone; kept, it is dark at every boot."""
    box = found(tmp_path, socket=socket)
    ways = []
    for _, step in STEPS:
        step(box.machine)
        ways.append((street(box).public, street(box).plane))
    assert ways == [(True, False), (True, False), (False, True), (False, True)]
    assert box.confirmed() == BIRTH
    assert street(box).timers == {}
    street(box).boot()
    resume(box.machine)
    assert street(box).plane
    assert not street(box).starts(SSH_SOCKET)


def test_a_second_sshd_answers_before_the_first_moves(tmp_path: Path) -> None:
    """It has a port of its own on wg0, and is gone when the machine is kept."""
    box = found(tmp_path)
    take(box.machine, 1)
    told = takeover.try_sshd(box.machine, dict(SECONDS))
    assert street(box).second
    assert f"10.200.1.1:{told['port']}" in street(box).sockets[0]
    takeover.close(box.machine, dict(SECONDS))
    takeover.keep(box.machine, {})
    assert not street(box).second


@SOCKETS
@pytest.mark.parametrize("count", range(4))
@pytest.mark.parametrize("how", ["asked", "timer", "power"])
def test_undone_behind_each_step(tmp_path: Path, count: int, how: str, *, socket: bool) -> None:
    """Asked for, by the timer or by a power cut: the machine is what it was, file by file."""
    box = found(tmp_path, socket=socket)
    was = house(tmp_path)
    take(box.machine, count)
    if how == "asked":
        assert takeover.undo(box.machine, {}) == {"kept": False}
    elif how == "timer":
        for unit, words in list(street(box).timers.items()):
            assert words == ["takeover-expire", unit]
            takeover.expire(box.machine, {"unit": unit})
    else:
        street(box).boot()
        assert street(box).public
        takeover.undo(box.machine, {})
    is_untouched(box, was)
    take(box.machine)
    assert street(box).plane


def test_a_timer_that_is_not_the_armed_one_does_nothing(tmp_path: Path) -> None:
    """The timer of an earlier step fires late: the machine stays closed."""
    box = found(tmp_path)
    take(box.machine, 3)
    assert takeover.expire(box.machine, {"unit": "backplane-rollback-earlier"}) == {}
    assert street(box).plane


def test_what_is_kept_is_not_undone(tmp_path: Path) -> None:
    """Behind the commit an undo only finishes what was begun."""
    box = found(tmp_path)
    take(box.machine)
    assert takeover.undo(box.machine, {}) == {"kept": True}
    assert street(box).plane


def test_out_of_turn_is_refused(tmp_path: Path) -> None:
    """No step without the one before it, and no second takeover."""
    box = found(tmp_path)
    for step in (takeover.try_sshd, takeover.close):
        with pytest.raises(Refused, match="no takeover is under way"):
            step(box.machine, dict(SECONDS))
    with pytest.raises(Refused, match="no takeover is under way"):
        takeover.keep(box.machine, {})
    take(box.machine, 2)
    with pytest.raises(Refused, match="not closed yet"):
        takeover.keep(box.machine, {})
    takeover.close(box.machine, dict(SECONDS))
    takeover.keep(box.machine, {})
    with pytest.raises(Refused, match="taken over already"):
        take(box.machine, 1)


def test_somebody_elses_tunnel_is_left_alone(tmp_path: Path) -> None:
    """A wg0.conf that is not ours refuses the takeover, and stays."""
    box = found(tmp_path)
    theirs = box.layout.wireguard_link("wg0")
    theirs.write_text("theirs")
    with pytest.raises(Refused, match="not ours"):
        take(box.machine, 1)
    takeover.undo(box.machine, {})
    assert theirs.read_text() == "theirs"
    assert street(box).public


@SOCKETS
def test_any_program_may_fail(tmp_path: Path, *, socket: bool) -> None:
    """Each program of a takeover fails in turn: undone it is what it was, or it is on the plane."""
    whole = found(tmp_path / "whole", socket=socket)
    take(whole.machine)
    kept = refused = 0
    for number in range(len(street(whole).log)):
        box = found(tmp_path / f"fail-{number}", socket=socket)
        was = house(box.layout.root)
        street(box).refuse = breaking(number)
        try:
            take(box.machine)
        except Refused:
            refused += 1
        if takeover.undo(box.machine, {})["kept"]:
            kept += 1
            assert street(box).plane, number
        else:
            is_untouched(box, was)
    assert refused > 10
    assert kept > 0


@pytest.mark.slow
@SOCKETS
@pytest.mark.parametrize("power", [True, False], ids=["power", "killed"])
def test_cut_anywhere(memory: Path, *, power: bool, socket: bool) -> None:
    """Cut before every step, with unsynced data lost or the tool killed: there is a way in.

    Behind a power cut boot has it at once, or when the watch has started; behind a killed tool the
    timer sees to it. Taking it over again then ends as if nothing had been cut.
    """
    template = found(memory / "disk", socket=socket).layout.root
    steps = 0
    while True:
        root = memory / f"cut-{steps}"
        shutil.copytree(template, root, symlinks=True)
        scissors, platter = Scissors(), Platter()
        box = restarted(root)
        platter.sync_all(root)
        street(box).before_each = scissors.step
        machine = box.with_disk(CutDisk(scissors, platter))
        scissors.left = steps
        try:
            take(machine)
        except Cut:
            finished = False
        else:
            finished = True
        scissors.left = None
        if power:
            platter.restore(root)
            street(box).boot()
            if street(box).starts("backplane-members.service") and box.layout.confirmed.exists():
                resume(machine)
        else:
            for unit in list(street(box).timers):
                takeover.expire(machine, {"unit": unit})
        assert street(box).public or street(box).plane, steps
        if street(box).public:
            take(machine)
        assert street(box).plane, steps
        assert before.read(machine) is not None
        shutil.rmtree(root)
        if finished:
            break
        steps += 1
    assert steps > 60


def test_an_sshd_that_systemd_has_lost_keeps_no_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that waits for callers ends before another starts.

    Who speaks to a caller goes on, and so does one that its owner runs as another unit.
    """
    box = found(tmp_path, socket=True)
    take(box.machine, 1)
    listener = b"sshd: /usr/sbin/sshd -D [listener] 0 of 10-100 startups"
    for pid, title in ((284, listener), (290, b"sshd: owner@pts/0"), (OTHERS, listener)):
        folder = box.layout.at(f"/proc/{pid}")
        folder.mkdir(parents=True)
        (folder / "cmdline").write_bytes(title)
        unit = "house-sshd.service" if pid == OTHERS else "ssh.service"
        (folder / "cgroup").write_text(f"0::/system.slice/{unit}\n")
    ended: list[int] = []

    def kill(pid: int, _: int) -> None:
        assert ["systemctl", "restart", SSH_UNIT] not in street(box).log
        shutil.rmtree(box.layout.at(f"/proc/{pid}"))
        ended.append(pid)

    monkeypatch.setattr(os, "kill", kill)
    takeover.try_sshd(box.machine, dict(SECONDS))
    for pid, at in ((284, "*:22"), (290, "127.0.0.1:6010"), (OTHERS, "*:2222")):
        line = f'tcp LISTEN 0 128 {at} 0.0.0.0:* users:(("sshd",pid={pid},fd=3))'
        street(box).sockets.append(line)
    street(box).log.clear()
    takeover.close(box.machine, dict(SECONDS))
    assert ended == [284]
