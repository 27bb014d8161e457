"""An sshd that systemd has lost sight of is taken over, and nobody is shut out by that."""

import os
import signal
from pathlib import Path

import pytest

from node import sshd
from node.layout import SSH_UNIT
from tests.node.model import Box
from tests.node.steps import refusal

DOORS = frozenset({("10.201.1.1", 22), ("fd00::1", 22)})
START = ["systemctl", "restart", SSH_UNIT]


def _listener(pid: int, name: str = "sshd", at: str = "10.201.1.1:22") -> str:
    return f'tcp LISTEN 0 128 {at} 0.0.0.0:* users:(("{name}",pid={pid},fd=3))'


@pytest.fixture
def ended(enrolled: Box, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the processes that were told to end; the tool's own checks run before."""
    told: list[int] = []

    def kill(pid: int, number: int) -> None:
        assert number == signal.SIGTERM
        assert START not in enrolled.kernel.log
        assert [Path(argv[0]).name for argv in enrolled.kernel.log].count("sshd") == 1
        told.append(pid)

    monkeypatch.setattr(os, "kill", kill)
    enrolled.kernel.log.clear()
    return told


def test_an_sshd_that_systemd_knows_is_reloaded(enrolled: Box, ended: list[int]) -> None:
    """The ordinary case: its sessions and its process stay."""
    enrolled.kernel.units[SSH_UNIT] = {"MainPID": "284"}
    enrolled.kernel.sockets = [_listener(284)]
    sshd.reload(enrolled.machine, DOORS)
    assert ended == []
    assert enrolled.kernel.log[-1] == ["systemctl", "reload-or-restart", SSH_UNIT]


def test_an_sshd_that_systemd_has_lost_is_ended_and_started(
    enrolled: Box, ended: list[int]
) -> None:
    """A start beside it would fail for its sockets; its directory is there again before."""
    enrolled.kernel.sockets = [_listener(284), _listener(284, at="[fd00::1]:22")]
    sshd.reload(enrolled.machine, DOORS)
    assert ended == [284]
    assert enrolled.kernel.log[-1] == START
    assert enrolled.layout.at("/run/sshd").is_dir()


def test_it_goes_on_if_its_files_are_bad(enrolled: Box, ended: list[int]) -> None:
    """Nobody ends the only way in for one that would not start."""
    enrolled.kernel.sockets = [_listener(284)]
    enrolled.kernel.refuse = lambda argv: "bad" if argv[1:] == ["-t"] else None
    assert "sshd refuses its settings" in refusal(sshd.reload, enrolled.machine, DOORS)
    assert ended == []


@pytest.mark.parametrize(
    "socket", [_listener(9, name="dropbear"), _listener(9, at="127.0.0.1:22"), ""]
)
def test_nobody_else_is_ended(enrolled: Box, ended: list[int], socket: str) -> None:
    """Another program, or a session's forwarded port: systemd starts its unit as ever."""
    enrolled.kernel.sockets = [socket]
    sshd.reload(enrolled.machine, DOORS)
    assert ended == []
    assert enrolled.kernel.log[-1] == ["systemctl", "reload-or-restart", SSH_UNIT]
