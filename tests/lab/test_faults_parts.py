"""Each fault of the lab does what its name says, and leaves nothing of it behind."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from lab.control import services
from lab.faults import api, clock, disk, path, power, processes, programs
from lab.layout import LabError
from lab.process import Process, wait_until
from tests.lab.echoes import address, echoes
from tests.lab.verbs import TestLab


def test_a_process_that_is_gone_has_no_children() -> None:
    """It may go between two looks; that is no error of whoever looks."""
    with subprocess.Popen(["true"]) as done:
        seen = Process.of(done.pid)
    assert seen is not None
    assert not seen.alive
    assert seen.children == ()


def test_a_blocked_path_is_blocked_for_those_two_alone(pair: TestLab) -> None:
    """Between two nodes nothing comes back, others still answer; afterwards all is as before."""
    one, other = pair.on("fsn-a"), pair.on("hel-a")
    there, here = address(pair, "hel-a"), address(pair, "fsn-a")
    with path.blocked(pair.lab, pair.machine("fsn-a"), pair.machine("hel-a")):
        assert echoes(one, there)[0] == echoes(other, here)[0] == 0
        assert echoes(pair.runner, there)[0] == echoes(pair.runner, here)[0] == 3
    assert echoes(one, there)[0] == echoes(other, here)[0] == 3


def test_one_way_is_one_way(pair: TestLab) -> None:
    """With the way there blocked no question arrives; with the way back, each arrives unanswered.

    What arrives is counted by the machine itself.
    """
    machine, there = pair.machine("hel-a"), address(pair, "hel-a")
    node = pair.on("hel-a")
    node.succeed(
        "nft 'table inet ears { chain in { type filter hook prerouting priority raw; "
        "udp dport 51820 counter; }; }'"
    )

    def arrived() -> int:
        words = node.succeed("nft list table inet ears").split()
        return int(words[words.index("packets") + 1])

    try:
        with path.blocked(pair.lab, path.RUNNER, machine, both=False):
            assert (echoes(pair.runner, there)[0], arrived()) == (0, 0)
        with path.blocked(pair.lab, machine, path.RUNNER, both=False):
            assert (echoes(pair.runner, there)[0], arrived()) == (0, 3)
    finally:
        node.succeed("nft delete table inet ears")
    assert echoes(pair.runner, there)[0] == 3


def test_a_lossy_path_loses_about_what_it_should(pair: TestLab) -> None:
    """Of 200 datagrams with 10 % lost each way about 162 return; without the fault all do."""
    there = address(pair, "fsn-a")
    with path.lossy(pair.lab, path.RUNNER, pair.machine("fsn-a"), percent=10):
        back, _ = echoes(pair.runner, there, 200)
    # Five standard deviations of a binomial distribution: a miss once in two million runs.
    assert 135 <= back <= 189
    assert echoes(pair.runner, there, 200)[0] == 200


def test_a_slow_line_is_slow(pair: TestLab) -> None:
    """200 echoes of 1000 bytes at 1 Mbit/s take over a second; without the fault far less."""
    there = address(pair, "fsn-a")
    with path.slow(pair.machine("fsn-a"), rate="1mbit"):
        back, slow = echoes(pair.runner, there, 200, 1000)
    _, fast = echoes(pair.runner, there, 200, 1000)
    assert back == 200
    assert slow > 1.2
    assert fast < slow / 2


def test_a_full_disk_takes_not_one_block(pair: TestLab) -> None:
    """On /var/lib/backplane nothing can be written, elsewhere it can; afterwards there is room."""
    node = pair.on("fsn-a")
    write = "cp /etc/os-release /var/lib/backplane/probe"
    make = "mkdir /var/lib/backplane/folder && rmdir /var/lib/backplane/folder"
    with disk.full(pair.machine("fsn-a")):
        for way in (write, make):
            assert "No space left" in node.fail(way)
        node.succeed("echo some text >/root/probe")
    node.succeed(f"{write} && rm /var/lib/backplane/probe && {make}")
    assert "fault" not in node.succeed("ls -a /var/lib/backplane")


def test_only_the_node_tools_clock_is_off(pair: TestLab) -> None:
    """The node tool reads shifted clocks, wall and monotonic; another program does not."""
    node = pair.on("hel-a")
    look = "import time; print(time.time(), time.monotonic_ns() / 1e9, time.clock_gettime(7))"
    node.succeed("mkdir -p /root/tool")
    node.succeed(f"echo '{look}' >/root/tool/backplane-node; echo '{look}' >/root/tool/other")

    def shifts() -> dict[str, list[float]]:
        told: dict[str, list[float]] = {}
        for name in ("backplane-node", "other"):
            seen = [float(word) for word in node.succeed(f"python3 /root/tool/{name}").split()]
            # All machines share this computer's clocks.
            true = (time.time(), time.monotonic(), time.clock_gettime(time.CLOCK_BOOTTIME))
            told[name] = [round(a - b) for a, b in zip(seen, true, strict=True)]
        return told

    with clock.skewed(pair.machine("hel-a"), 300):
        assert shifts() == {"backplane-node": [300, 300, 300], "other": [0, 0, 0]}
    with clock.skewed(pair.machine("hel-a"), -5):
        assert shifts() == {"backplane-node": [-5, -5, -5], "other": [0, 0, 0]}
    assert shifts() == {"backplane-node": [0, 0, 0], "other": [0, 0, 0]}


def test_a_failing_program_fails_by_whatever_path(pair: TestLab) -> None:
    """`nft` fails and says why, called by name or by path; afterwards it works."""
    node = pair.on("fsn-a")
    with programs.failing(pair.machine("fsn-a"), "nft"):
        for way in ("nft", "/usr/sbin/nft"):
            assert node.fail(f"{way} list tables").endswith(f"nft: {programs.REASON}\n")
    node.succeed("nft list tables")


def test_power_comes_back(pair: TestLab) -> None:
    """While its power is cut a machine is off; afterwards it boots."""
    machine = pair.machine("hel-a")
    before = machine.leader
    seen = []
    with power.cut(machine):
        seen.append(machine.running)
    seen.append(machine.running)
    assert seen == [False, True]
    assert machine.leader != before
    pair.on("hel-a").wait_until_succeeds("systemctl is-active echo-udp", 60)


def test_a_killed_cloud_api_is_silent_until_it_is_started(pair: TestLab) -> None:
    """While it is dead nobody answers; afterwards it knows the same servers."""

    def servers() -> list[str]:
        found = pair.cloud(lambda client: client.servers.get_all())
        return sorted(str(one.name) for one in found)

    before = servers()
    with api.killed(pair.lab), pytest.raises(LabError, match="has ended"):
        services.answers(pair.lab)
    assert servers() == before


def _family() -> Process:
    """A process with a child and a grandchild, in groups of their own as Pulumi's plugins are."""
    sleep = "import time; time.sleep(600)"
    child = (
        "import subprocess, sys, time; "
        f"subprocess.Popen([sys.executable, '-c', {sleep!r}, 'grandchild'], start_new_session=True)"
        "; time.sleep(600)"
    )
    top = (
        "import subprocess, sys, threading, time; "
        f"start = lambda: (subprocess.Popen([sys.executable, '-c', {child!r}, 'child'],"
        " process_group=0).wait(), time.sleep(600)); "
        "threading.Thread(target=start).start()"
    )
    started = Process.of(subprocess.Popen([sys.executable, "-c", top]).pid)
    assert started is not None
    wait_until("a family", lambda: len(list(processes.descendants(started))) == 2, seconds=20)
    return started


def test_sudden_death_takes_one_or_all(pair: TestLab) -> None:
    """`kill` leaves what the process started alive; `kill_all` leaves nobody, whatever group."""
    del pair
    top = _family()
    child = processes.below(top, "child")
    (grandchild,) = processes.descendants(child)
    with pytest.raises(LabError, match="no process below"):
        processes.below(top, "stranger")
    processes.kill(child)
    assert top.alive
    assert grandchild.alive
    processes.kill(grandchild)
    processes.kill_all(top)
    top = _family()
    family = (top, *processes.descendants(top))
    assert processes.kill_all(top) == family
    assert not any(one.alive for one in family)
