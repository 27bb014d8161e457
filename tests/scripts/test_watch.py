"""`status --watch`: sessions that stay open, what changed, and a terminal that is put right."""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from runner.credentials import Credentials
from runner.problem import RunnerError
from scripts import _held, _standing, _watch, _watch_show, _watched, cli
from scripts._stack import Stack
from tests.runner import fleet as fleets
from tests.runner.fleet import NEW, OLD, FakeNode
from tests.scripts import facts, fakes, watched, ways
from tests.scripts.test_status import DECLARED, well

ROOT = Path(__file__).resolve().parents[2]
Json = dict[str, Any]


def _look(**nodes: Any) -> Json:  # noqa: ANN401 - fields of a node's answer
    standings = {"fsn-a": well(), "fsn-b": well(**nodes)}
    verdict = _standing.judge(DECLARED, standings)
    return {**verdict, "planes": {"storage": {"expected": 2, "fresh": 2, "oldest": 9}}}


def test_nothing_changed_is_nothing_said() -> None:
    """Neither at the first look, nor between two that are alike."""
    assert _watched.changed(None, _look()) == ([], set())
    assert _watched.changed(_look(), _look()) == ([], set())


@pytest.mark.parametrize(
    ("after", "line", "cell"),
    [
        ({"active": OLD}, f"fsn-b: active {NEW[:8]} -> active {OLD[:8]}", ("fsn-b", "active")),
        ({"staged": None}, f"fsn-b: staged {NEW[:8]} -> staged none", ("fsn-b", "staged")),
        ({"timer": 60.0}, "fsn-b: a timer is armed", ("fsn-b", "timer")),
        (
            {"lease": {"id": "c0ffee", "expires": 9.0}},
            "fsn-b: held by nobody -> held by rollout c0ffee",
            None,
        ),
    ],
)
def test_what_changed_is_said_and_marked(
    after: Json, line: str, cell: tuple[str, str] | None
) -> None:
    """In words, and in the cell of its column; the node beside it is not."""
    lines, cells = _watched.changed(_look(), _look(**after))
    assert lines == [line]
    assert cells == ({cell} if cell else set())


def test_sessions_nodes_and_gateways_that_change_are_said() -> None:
    """A plane that loses sessions, a node that comes, who carries what, a link that goes."""
    before, after = _look(), _look()
    after["planes"] = {"storage": {"expected": 2, "fresh": 1, "oldest": 200}}
    after["nodes"]["fsn-c"] = after["nodes"]["fsn-a"]
    told = ways.told()
    before["routing"] = _standing_routing(told)
    told["fsn-a"]["drained"] = True
    told["fsn-b"]["links"][0] |= {"up": False, "bgp": "Idle"}
    after["routing"] = _standing_routing(told)
    after["routing"]["sites"]["hel"]["fsn"]["owner"] = "hel-a"
    lines, _ = _watched.changed(before, after)
    assert lines == [
        "fsn-c: is new",
        "storage: 2 of 2 sessions fresh -> 1 of 2",
        "hel to fsn: carried by hel-b -> hel-a",
        "fsn-a: drained",
        f"fsn-b: link to {told['fsn-b']['links'][0]['peer']} down",
    ]


def _standing_routing(told: Json) -> Json:
    from scripts import _ways  # noqa: PLC0415 - beside its only use

    return _ways.judge(ways.outputs(), told)


def test_planes_count_their_sessions() -> None:
    """All are fresh; an old one, and those of a node that does not answer, are missed."""
    live = {name: dict(one.interfaces) for name, one in facts.good().items()}
    told = _watched.planes(facts.DECLARED, live)
    assert told["storage"] == {"expected": 12, "fresh": 12, "oldest": 30}
    live["fsn-a"]["wg3"] = {"peers": [{"name": "fsn-b", "handshake_age": 181}]}
    del live["hel-b"]
    told = _watched.planes(facts.DECLARED, live)
    assert told["storage"] == {"expected": 12, "fresh": 6, "oldest": 181}
    assert told["management"]["fresh"] == 9


def _among(prepare: Any, act: Any) -> Any:  # noqa: ANN401 - whatever the test wants
    return fakes.among(2, prepare, act)


def test_sessions_stay_open_between_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look makes none; where one died meanwhile, that one alone is made anew."""
    monkeypatch.setattr(fleets, "PORT", 22025)
    interfaces = {"wg1": {"peers": [{"name": "n001", "handshake_age": 7}]}}

    def prepare(nodes: list[FakeNode]) -> None:
        for node in nodes:
            monkeypatch.setattr(
                node, "do_inspect", lambda _: {"interfaces": interfaces}, raising=False
            )

    async def act(credentials: Credentials) -> list[tuple[int, int, Json]]:
        held, seen = _held.Held(), []
        for number in range(3):
            held.opened = held.kept = 0
            told = await _standing.ask(credentials, 1, lambda _: None, live=True, held=held)
            assert {name for name, one in told.items() if one.reached == {"wg1", "wg0"}} == set(
                told
            )
            seen.append((held.opened, held.kept, told["n000"].live))
            if number == 1:
                held._open["n001", "management"].close()
        held.close()
        return seen

    assert _among(prepare, act) == [(4, 0, interfaces), (0, 4, interfaces), (1, 3, interfaces)]


def test_a_node_that_refuses_or_goes_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as silent, the others are not, and it is heard again when it is back."""
    monkeypatch.setattr(fleets, "PORT", 22026)
    nodes: list[FakeNode] = []

    async def act(credentials: Credentials) -> list[set[str]]:
        held, seen = _held.Held(), []
        for refuse in ("", "status", ""):
            nodes[1].refuse = refuse
            told = await _standing.ask(credentials, 0, lambda _: None, held=held)
            assert told["n000"].reached == {"wg1", "wg0"}
            seen.append(told["n001"].reached)
        held.close()
        return seen

    assert _among(nodes.extend, act) == [{"wg1", "wg0"}, set(), {"wg1", "wg0"}]


def test_looks_are_no_closer_than_asked_for() -> None:
    """Each begins so many seconds after the last; who ends it need not wait for a look to end."""

    async def run() -> tuple[list[float], bool]:
        begun: list[float] = []

        async def look(_: float) -> Json:
            begun.append(time.monotonic())
            return _look()

        pace = _watch.Pace(every=0.3, wait=0, looks=3)
        async for _ in _watch.looks(look, pace, asyncio.Event()):
            pass
        ended, quit_ = False, asyncio.Event()

        async def forever(_: float) -> Json:
            nonlocal ended
            try:
                quit_.set()
                await asyncio.sleep(60)
            finally:
                ended = True
            return {}

        async for _ in _watch.looks(forever, _watch.Pace(every=1, wait=0), quit_):
            pytest.fail("there was no whole look")
        return begun, ended

    begun, ended = asyncio.run(run())
    assert len(begun) == 3
    assert min(later - sooner for sooner, later in pairwise(begun)) >= 0.299
    assert ended


@pytest.mark.parametrize("fails", [False, True])
def test_a_tunnel_that_comes_up_late_is_not_left_behind(
    monkeypatch: pytest.MonkeyPatch, *, fails: bool
) -> None:
    """Who ends it meanwhile waits for the tunnel, and it is closed; one that failed is none."""
    begun, told = threading.Event(), []

    class Tunnel:
        def close(self) -> None:
            told.append("closed")

    def slow(*_: object) -> Tunnel:
        begun.set()
        time.sleep(0.3)
        told.append("up")
        if fails:
            raise RunnerError("it is gone.", "bring it up.")
        return Tunnel()

    monkeypatch.setattr(Credentials, "tunnel", slow)
    stack = Stack(label="lab", outputs=watched.outputs())

    async def run() -> None:
        watcher, quit_ = _watch.Watcher(stack), asyncio.Event()

        async def end() -> None:
            await asyncio.to_thread(begun.wait)
            quit_.set()

        ending = asyncio.ensure_future(end())
        async for _ in _watch.looks(watcher.look, _watch.Pace(every=1, wait=0), quit_):
            pytest.fail("there was no whole look")
        await ending
        assert not told
        await watcher.drop()
        assert told == (["up"] if fails else ["up", "closed"])

    asyncio.run(run())


@pytest.mark.parametrize("size", [(100, 30), (80, 16)])
def test_a_view_fits_its_terminal(size: tuple[int, int]) -> None:
    """Of 200 nodes those with findings or changes are shown first, and all are counted."""
    width, height = size
    told = _look()
    told["nodes"] = {f"n{number:03}": told["nodes"]["fsn-a"] for number in range(200)}
    told["nodes"]["n150"] = {**told["nodes"]["n150"], "findings": ["answers over no way in"]}
    told |= {"at": "2026-01-02T03:04:05Z", "seconds": 1, "trouble": "", "changes": ["a"] * 3}
    told["sites"] = {"fsn": {"nodes": 200, "answer": 199}}
    console = Console(width=width, height=height, force_terminal=True)
    shown = _watch_show.view(console, told, {("n170", "active")}, 5).plain.splitlines()
    assert len(shown) < height
    assert [line[:4] for line in shown if line.startswith("n1")][:2] == ["n150", "n170"]
    assert "nodes are not shown; again in 5 s at the soonest; q ends it" in shown[-1]
    if height == 30:
        assert "ok: 199 of 200 nodes as declared, 0 marked" in "\n".join(shown)


def test_seconds_without_watch_are_wrong_usage() -> None:
    """So is a number of looks, and less than a second."""
    for words in (["5"], ["--looks", "2"], ["--watch", "0"]):
        arguments = ["status", *words]
        assert CliRunner().invoke(cli.build(arguments), arguments).exit_code == 2, words
