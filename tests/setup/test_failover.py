"""The bench of failures: what is noted of a run, and how BFD's figure is found."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from lab import sessions
from tests.bench.failing import KINDS, PATIENCE, Struck, detection, note
from tests.bench.figures import Figures
from tests.lab.outage import Outage
from tests.lab.watcher import Change

PEERS = {"fsn-b": "10.254.0.2", "hel-b": "10.254.0.1"}


def _change(moment: float, peer: str, status: str) -> Change:
    return Change(moment=moment, peer=peer, status=status)


def _outage(without: float, lost: int) -> Outage:
    return Outage(lost=lost, lost_there=lost, without=without, first=0.0, over=without)


def test_detection_is_the_first_end_that_saw_its_own_session_go() -> None:
    """Other peers, other gateways, what was before the event and what came up do not count."""
    changes = {
        "fsn-b": [
            _change(90, "10.254.0.2", "down"),
            _change(91, "10.254.0.2", "up"),
            _change(100.2, "10.254.0.6", "down"),
            _change(100.9, "10.254.0.2", "down"),
        ],
        "hel-b": [_change(100.1, "10.254.0.1", "up"), _change(100.8, "10.254.0.1", "gone")],
        "hel-a": [_change(100.1, "10.254.0.1", "down")],
    }
    assert detection(changes, PEERS, 100) == pytest.approx(0.8)
    del changes["hel-b"]
    assert detection(changes, PEERS, 100) == pytest.approx(0.9)


def test_what_nobody_saw_is_no_detection() -> None:
    """Sessions that stay up: an error, and in the figures longer than any that was seen."""
    with pytest.raises(LookupError, match="no session went down"):
        detection({"fsn-b": [_change(1, "10.254.0.2", "up")]}, PEERS, 0)
    figures = Figures()
    said = note(figures, KINDS["cut"], Struck(outages={"a": _outage(1.2, 60)}, detected=None))
    assert "BFD after 30.000 s" in said
    assert [(one.name, one.values) for one in figures.missed] == [
        ("BFD detection: link cut", [PATIENCE])
    ]


def test_the_worst_way_of_a_run_is_its_figure() -> None:
    """Longest time without an answer of all ways, all losses, against the kind's own bounds."""
    figures = Figures()
    ways = {"there": _outage(1.2, 60), "back": _outage(1.4, 70)}
    assert note(figures, KINDS["kill"], Struck(outages=ways, detected=0.8)).startswith(
        "1.400 s without, 130 lost"
    )
    assert figures.missed == []
    table = figures.markdown("Failover", [])
    assert "| time without connectivity: gateway killed | s | 1 | 1.4 | 1.4 | 2 | yes |" in table
    assert "| packets lost: gateway killed |  | 1 | 130 | 130 |  |  |" in table
    assert "| BFD detection: gateway killed | s | 1 | 0.8 | 0.8 | median 1 | yes |" in table
    note(figures, KINDS["kill"], Struck(outages={"there": _outage(2.01, 100)}, detected=1.1))
    assert {one.name for one in figures.missed} == {"time without connectivity: gateway killed"}
    note(figures, KINDS["kill"], Struck(outages={"there": _outage(1.0, 50)}, detected=1.1))
    assert "BFD detection: gateway killed" in {one.name for one in figures.missed}
    told = {one["name"]: one for one in json.loads(figures.json())}
    assert told["BFD detection: gateway killed"]["median bound"] == 1.0
    assert told["time without connectivity: gateway killed"]["runs"] == [1.4, 2.01, 1.0]


def test_a_drain_may_lose_nothing() -> None:
    """One packet lost in a drain misses its bound, however short it was."""
    figures = Figures()
    note(figures, KINDS["drain"], Struck(outages={"there": _outage(0.021, 0)}, detected=None))
    assert figures.missed == []
    note(figures, KINDS["drain"], Struck(outages={"there": _outage(0.041, 1)}, detected=None))
    assert [one.name for one in figures.missed] == ["packets lost: planned drain"]


# What runs on the gateways


def test_changes_of_sessions_are_told_once() -> None:
    """What is new or other; a session that is not there any more is gone, and only once."""
    assert sessions.changes({}, {"a": "up"}) == [("a", "up")]
    assert sessions.changes({"a": "up"}, {"a": "up"}) == []
    assert sessions.changes({"a": "up", "b": "up"}, {"a": "down"}) == [("a", "down"), ("b", "gone")]
    assert sessions.changes({"b": "gone"}, {}) == []
    assert sessions.changes({"b": "gone"}, {"b": "up"}) == [("b", "up")]


def test_a_daemon_is_asked_as_vtysh_asks(tmp_path: Path) -> None:
    """A command and a NUL; the answer ends with three NULs and a status, however it arrives."""
    path, asked = tmp_path / "bfdd.vty", list[bytes]()
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(str(path))
    server.listen()

    def serve() -> None:
        line, _ = server.accept()
        with line:
            asked.append(line.recv(100))
            line.sendall(b"\0\0\0\0")
            asked.append(line.recv(100))
            for piece in (b'[{"peer": "10.254.0.2", ', b'"status": "up"}]\n\0', b"\0\0", b"\0"):
                line.sendall(piece)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    told = sessions.Daemon(str(path)).ask("show bfd peers json")
    thread.join(timeout=5)
    server.close()
    assert asked == [b"enable\0", b"show bfd peers json\0"]
    assert sessions.statuses(told) == {"10.254.0.2": "up"}
