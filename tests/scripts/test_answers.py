"""What nodes answer is a stranger's word: of another form it is that node's trouble, no other's."""

from __future__ import annotations

import io
from typing import Any

import pytest
from pydantic import BaseModel
from rich.console import Console

from runner.credentials import Credentials
from scripts import _answers, _doctor_show, _drift_show, _standing, _survey, _ways, status
from scripts._answers import IllFormed
from scripts._standing import Standing
from tests.runner import fleet as fleets
from tests.runner.fleet import NEW, FakeNode
from tests.scripts import facts, fakes, ways
from tests.scripts.test_status import DECLARED, well

Json = dict[str, Any]
HOSTILE = "[/x] [red]a\x1b[2J\r\n\\"
SHOWN = "[/x] [red]a [2J"


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        (_answers.Status, {"wall": "x"}),
        (_answers.Status, {"wall": float("nan")}),
        (_answers.Status, {"confirmed": 7}),
        (_answers.Status, {"timer": "soon"}),
        (_answers.Status, {"lease": {"id": "a"}}),
        (_answers.Status, {"lease": []}),
        (_answers.Status, {"rolled_back": {"at": 1e300, "reason": "", "generation": NEW}}),
        (_answers.Status, {"rolled_back": {"at": 1, "reason": None, "generation": NEW}}),
        (_answers.Interfaces, {}),
        (_answers.Interfaces, {"interfaces": []}),
        (_answers.Interfaces, {"interfaces": {"wg1": {"peers": [{"name": "a"}]}}}),
        (
            _answers.Interfaces,
            {"interfaces": {"wg1": {"peers": [{"name": "a", "handshake_age": "old"}]}}},
        ),
        (_answers.Inspect, {"interfaces": {}, "listeners": [{"port": "22"}], "failed": []}),
        (_answers.Pings, {"pings": {"10.0.0.1": "1 ms"}}),
        (_answers.Doors, {"tcp": [["10.0.0.1", 22]]}),
        (_answers.Routing, {"routed": True, "links": [{}]}),
        (_answers.Routing, {"routed": True, "sites": {"1": {"name": "fsn"}}}),
        (_answers.Routing, {"routed": True, "sibling": "fsn-b"}),
    ],
)
def test_another_form_is_refused(form: type[BaseModel], answer: Json) -> None:
    """Missing, of another type, or a figure that nobody can reckon with."""
    with pytest.raises(IllFormed, match="another form"):
        _answers.plain(form, answer)


def test_what_nodes_say_in_truth_is_taken() -> None:
    """The forms are those of the node tool; what is not read here is left out."""
    for told in ways.told().values():
        assert _answers.read(_answers.Routing, told)
    told = {"interfaces": {"wg1": {"mtu": 1420, "peers": [{"name": None, "handshake_age": None}]}}}
    assert _answers.plain(_answers.Interfaces, told) == {
        "interfaces": {"wg1": {"peers": [{"name": None, "handshake_age": None}]}}
    }
    undone = {"at": 1, "reason": HOSTILE, "generation": None}
    assert _answers.plain(_answers.Status, {"rolled_back": undone, "boot_id": "x"}) == {
        "rolled_back": {"at": 1, "reason": "[/x] [red]a [2J  \\", "generation": None}
    }


def test_one_nodes_nonsense_is_its_own_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    """`status`, `watch` and `map` go on with the others."""
    monkeypatch.setattr(fleets, "PORT", 22041)
    live: Json = {"interfaces": {}, "listeners": [], "failed": []}

    def prepare(nodes: list[FakeNode]) -> None:
        for node, told in zip(nodes, (live, {}, live), strict=True):
            monkeypatch.setattr(node, "do_inspect", lambda _, told=told: told, raising=False)
            probed: Json = {"pings": {}, "tcp": []}
            monkeypatch.setattr(node, "do_probe", lambda _, told=probed: told, raising=False)
        monkeypatch.setattr(nodes[2], "do_status", lambda _: {"wall": HOSTILE})

    async def act(credentials: Credentials) -> dict[str, Standing]:
        standings = await _standing.ask(credentials, 0, lambda _: None, live=True)
        session = await _survey.session(credentials, "n001", 0)
        try:
            with pytest.raises(IllFormed):
                await _survey._ask(session, facts.DECLARED, "n001")
        finally:
            session.close()
        return standings

    first, second, third = fakes.among(3, prepare, act).values()
    assert first.reached == {"wg1", "wg0"}
    assert not first.trouble
    for wrong, word in ((second, "interfaces"), (third, "wall")):
        assert wrong.reached == set()
        assert word in wrong.trouble["wg1"]
        assert wrong.trouble["wg1"].isprintable()


def _console() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=300, no_color=True), text


def test_markup_of_a_node_is_text() -> None:
    """In every place where `status` shows what a node said, of itself and of its ways."""
    said = _answers.plain(
        _answers.Status,
        {
            **dict.fromkeys(("confirmed", "active", "staged"), HOSTILE),
            "lease": {"id": HOSTILE, "expires": 9.0},
            "rolled_back": {"at": 1, "reason": HOSTILE, "generation": HOSTILE},
        },
    )
    told = ways.told()
    told["fsn-a"]["links"][0] |= {"bgp": HOSTILE, "up": False}
    told["fsn-a"]["troubles"] = [HOSTILE]
    for one in told.values():
        for site in one["sites"].values():
            site["why"] = HOSTILE
    told["fsn-b"]["sibling"] = {"name": "nobody", "alive": False}
    checked = {name: _answers.plain(_answers.Routing, one) for name, one in told.items()}
    routing = _ways.judge(ways.outputs(), checked)
    verdict = _standing.judge(DECLARED, {"fsn-a": well(**said), "fsn-b": well()})
    console, text = _console()
    status.show(console, {**verdict, "routing": routing})
    shown = text.getvalue()
    assert f"held by rollout {SHOWN}" in shown
    assert f"rolled back from {SHOWN}" in shown
    assert f"confirmed is {SHOWN}" in shown
    assert f"fsn-a: {SHOWN}" in shown
    assert f"BGP {SHOWN}" in shown
    assert "\x1b" not in shown


def test_findings_of_a_node_are_text() -> None:
    """What doctor and drift show of it, too."""
    console, text = _console()
    words = dict.fromkeys(("rung", "where", "plane"), "fsn-a")
    one = {**words, "symptom": HOSTILE, "cause": HOSTILE, "evidence": [HOSTILE], "fix": HOSTILE}
    _doctor_show.show(console, [one])
    logs: Json = {"fsn-a": {"error": HOSTILE}, "fsn-b": {"there": True, "messages": [
        {"message": HOSTILE, "cause": "c", "fix": "f"},
    ]}}  # fmt: skip
    _doctor_show.logs(console, logs, as_json=False)
    found = {"node": "fsn-a", "area": "a", "repair": "by hand", "fix": ""}
    finding = {**found, "what": HOSTILE, "declared": HOSTILE, "live": HOSTILE}
    verdict = {"ok": False, "findings": [finding], "left_out": {}, "asked": 1}
    _drift_show.show(console, {**verdict, "repaired": [finding], "trouble": HOSTILE})
    assert text.getvalue().count(SHOWN) == 11
    assert "\x1b" not in text.getvalue()
