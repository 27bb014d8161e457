"""`status`: asked over both ways, judged against what was declared, shown in one table."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from scripts import _standing as standing
from scripts import _ways, status
from scripts._standing import Standing
from tests.runner import fleet as fleets
from tests.runner.fleet import NEW, OLD, FakeNode
from tests.scripts import fakes, ways

DECLARED = {
    "fsn-a": {"generation": NEW, "offline": False, "retire": False},
    "fsn-b": {"generation": NEW, "offline": False, "retire": False},
}


def well(**other: Any) -> Standing:  # noqa: ANN401 - fields of the node's answer
    """A node as declared, but for some fields."""
    told = {
        "confirmed": NEW,
        "active": NEW,
        "staged": NEW,
        "timer": None,
        "lease": None,
        "rolled_back": None,
    }
    return Standing(told={**told, **other}, offset=0.04, reached={"wg1", "wg0"})


def test_all_as_declared_is_well() -> None:
    """Confirmed and active at the declared generation, both ways in open, no timer: no finding."""
    verdict = standing.judge(DECLARED, {"fsn-a": well(), "fsn-b": well(staged="0" * 16)})
    assert verdict["ok"] is True
    assert not [line for node in verdict["nodes"].values() for line in node["findings"]]


@pytest.mark.parametrize(
    ("node", "finding"),
    [
        (well(confirmed=OLD), f"confirmed is {OLD}, declared is {NEW}"),
        (well(active=OLD), f"active is {OLD}, declared is {NEW}"),
        (well(timer=41.6), "a timer undoes the active generation in 42 s"),
        (Standing(told=well().told, reached={"wg0"}), "no answer over wg1"),
        (Standing(told=well().told, reached={"wg1"}), "no answer over wg0"),
        (Standing(), "answers over no way in"),
    ],
)
def test_what_is_not_as_declared_is_a_finding(node: Standing, finding: str) -> None:
    """Each is named at its node, and the whole is not well."""
    verdict = standing.judge(DECLARED, {"fsn-a": well(), "fsn-b": node})
    assert verdict["ok"] is False
    assert verdict["nodes"]["fsn-b"]["findings"] == [finding]
    assert verdict["nodes"]["fsn-a"]["findings"] == []


@pytest.mark.parametrize("mark", ["offline", "retire"])
def test_marked_nodes_are_shown_and_not_counted(mark: str) -> None:
    """A node that is meant to be away is no finding, and its row carries the mark."""
    declared = {**DECLARED, "fsn-b": {**DECLARED["fsn-b"], mark: True}}
    verdict = standing.judge(declared, {"fsn-a": well()})
    assert verdict["ok"] is True
    assert verdict["nodes"]["fsn-b"][mark] is True
    assert f"{mark}" in _shown(verdict)
    assert "1 of 1 nodes as declared, 1 marked" in _shown(verdict)


def _shown(verdict: dict[str, Any], width: int = 200) -> str:
    text = io.StringIO()
    status.show(Console(file=text, width=width, no_color=True), verdict)
    return text.getvalue()


def test_the_table_has_all_that_was_asked() -> None:
    """Timer, lease with its holder and seconds, the last rollback's reason, and the clock."""
    node = well(
        active=OLD,
        timer=61.2,
        lease={"id": "c0ffee", "expires": 90.4},
        rolled_back={"at": 1, "reason": "hel-b did not answer", "generation": OLD},
    )
    shown = _shown(standing.judge(DECLARED, {"fsn-a": node, "fsn-b": well()}))
    for text in (
        *("61 s", "held by rollout c0ffee for up to 90 s more", "+0.0 s", "same"),
        *(f"rolled back from {OLD} at ", ": hel-b did not answer", "not ok: 1 of 2"),
    ):
        assert text in shown, text


def test_a_terminal_of_eighty_columns_shows_it_whole() -> None:
    """No column is cut for names of twelve characters, in the worst row."""
    node = well(confirmed=OLD, active=OLD, staged=OLD, timer=119.9)
    node.offset = -12.34
    declared = {"fsn-name-12c": {**DECLARED["fsn-a"], "offline": True}}
    shown = _shown(standing.judge(declared, {"fsn-name-12c": node}), width=80)
    assert "…" not in shown
    assert "offline" in shown
    assert max(len(line) for line in shown.splitlines()) <= 80


def _ask(
    prepare: Callable[[list[FakeNode]], None], wait: float, *, routed: bool = False
) -> dict[str, Standing]:
    told: list[str] = []
    answers = fakes.among(
        3,
        prepare,
        lambda credentials: standing.ask(credentials, wait, told.append, routed=routed),
    )
    assert told[-1] == "asked 3 of 3 nodes"
    return answers


def test_nodes_are_asked_over_both_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every node answers over wg1 and wg0, and its clock is compared with this machine's."""
    # Other tests with fake nodes may run beside this one.
    monkeypatch.setattr(fleets, "PORT", 22023)

    def prepare(nodes: list[FakeNode]) -> None:
        nodes[1].off = 7.0
        nodes[2].refuse = "status"

    first, second, third = _ask(prepare, 0).values()
    assert first.reached == second.reached == {"wg1", "wg0"}
    assert (first.told["confirmed"], first.told["node"]) == (OLD, "n000")
    assert first.offset is not None
    assert second.offset is not None
    assert abs(first.offset) < 1
    assert 6 < second.offset < 8
    assert third.reached == set()
    assert "disk full" in third.trouble["wg1"]


def test_ways_are_asked_for_in_a_routed_mesh_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What each says is kept; a node that cannot say it is reached all the same."""
    monkeypatch.setattr(fleets, "PORT", 22024)

    def prepare(nodes: list[FakeNode]) -> None:
        for node in nodes:
            monkeypatch.setattr(node, "do_routing", lambda _: {"routed": True}, raising=False)
        nodes[2].refuse = "routing"

    first, _, third = _ask(prepare, 0, routed=True).values()
    assert first.ways == {"routed": True}
    assert third.reached == {"wg1", "wg0"}
    assert "disk full" in third.ways["troubles"][0]
    assert not [one.ways for one in _ask(prepare, 0).values() if one.ways]


def test_a_routed_mesh_shows_links_and_who_carries_what() -> None:
    """Each gateway's links, and for each ordered pair of sites the gateway, why and since when."""
    routing = _ways.judge(ways.outputs(), ways.told())
    verdict = {**standing.judge(DECLARED, {"fsn-a": well(), "fsn-b": well()}), "routing": routing}
    shown = _shown(verdict, width=80)
    for row in (
        r"fsn-a +wgl2-0 +hel-a +Established up +4 +4 +2 h",
        r"fsn +hel +fsn-b +default +\d+ d",
        r"nbg +fsn +nbg-a +default +\d+ d",
    ):
        assert re.search(row, shown), row
    assert "…" not in shown
    assert "gateway" not in _shown(standing.judge(DECLARED, {"fsn-a": well(), "fsn-b": well()}))
