"""The verdict as people read it: figures by plane, one line for each finding."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from scripts import _show, _verdict
from tests.scripts.facts import DECLARED, address, good


def _printed(facts: dict[str, _verdict.Facts], unreachable: dict[str, str]) -> str:
    text = io.StringIO()
    console = Console(file=text, width=120, no_color=True)
    _show.show(console, DECLARED, _verdict.judge(DECLARED, facts, unreachable))
    return text.getvalue()


def test_a_healthy_mesh_is_four_rows_and_one_sentence() -> None:
    """Each plane has its figures, nothing is listed, and the closing line says ok."""
    told = _printed(good(), {})
    for plane, doors in (("enrollment", 24), ("management", 24), ("monitoring", 0), ("storage", 0)):
        (row,) = [line for line in told.splitlines() if line.startswith(plane)]
        assert row.split()[2:] == ["12/12", "12/12", f"{doors}/{doors}", "0", "12/12"]
    assert "ok: 96 of 96 pairs answer, 48 of 1056 doors tried are open (48 declared)" in told
    assert not [line for line in told.splitlines() if line.startswith("x ")]


def test_each_finding_is_a_line_in_its_plane() -> None:
    """A silent pair, an open door and a failed unit are named, and counted in their plane's row."""
    facts = good()
    silent, door = address("ipv6", 2, 3), (address("ipv4", 1, 3), 9100)
    facts["fsn-a"] = replace(
        facts["fsn-a"],
        pings={**facts["fsn-a"].pings, silent: None},
        tcp={**facts["fsn-a"].tcp, door: "open"},
        failed=("ssh.service",),
    )
    told = _printed(facts, {})
    assert f"x no echo: fsn-a -> hel-a: monitoring {silent}" in told
    assert f"x must not answer: fsn-a -> hel-a: management {door[0]} tcp 9100: open" in told
    assert "x failed unit: fsn-a: ssh.service" in told
    (row,) = [line for line in told.splitlines() if line.startswith("monitoring")]
    assert row.split()[2:6] == ["12/12", "11/12", "0/0", "0"]


def test_many_findings_of_a_kind_are_cut_and_counted() -> None:
    """A lost node is named with its reason; of its 24 silent pairs twelve are listed."""
    facts = good()
    del facts["hel-b"]
    told = _printed(facts, {"hel-b": "no SSH session"})
    assert "x not asked: hel-b: no SSH session" in told
    assert told.count("x no echo: hel-b -> ") == 12
    assert "x no echo: and 12 more (see --json)" in told
    assert "not ok: 72 of 96 pairs answer" in told
