"""`backplane map` and `status --watch` of the live mesh: all of it, and what is wrong with it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from lab.process import wait_until
from tests.lab.mesh import STACK, Mesh

NODES = ("fsn-a", "fsn-b", "hel-a", "hel-b")
SLOTS = ("enrollment", "management", "monitoring", "storage")
_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def _map(mesh: Mesh, path: Path) -> tuple[int, str, dict[str, Any]]:
    done = mesh.backplane("map", "--stack", STACK, "--wait", "20", "--out", str(path))
    assert path.is_file(), done.err
    page = path.read_text(encoding="utf-8")
    (data,) = _DATA.findall(page)
    return done.code, page, json.loads(data)


def _well(mesh: Mesh) -> None:
    """All sessions are there: what earlier tests restarted shakes hands within half a minute."""
    wait_until("the mesh is well", lambda: mesh.verify()["ok"] is True, seconds=90)


def test_the_map_has_every_node_and_every_pair(mesh: Mesh, tmp_path: Path) -> None:
    """Four nodes as declared, a fresh handshake of each pair on each plane, nothing found."""
    _well(mesh)
    code, page, told = _map(mesh, tmp_path / "map.html")
    assert told["findings"] == []
    assert (code, told["ok"]) == (0, True)
    assert [node["name"] for node in told["nodes"]] == list(NODES)
    assert {node["state"] for node in told["nodes"]} == {"well"}
    assert sorted(told["ages"]) == sorted(SLOTS)
    for rows in told["ages"].values():
        pairs = [rows[here][peer] for here in range(4) for peer in range(4) if here != peer]
        assert all(0 <= age <= told["fresh"] for age in pairs), rows
    assert "All 4 nodes answered, 0 findings." in page


def test_no_key_is_on_the_map(mesh: Mesh, tmp_path: Path) -> None:
    """Neither a node's public keys nor its host key, nor the login's."""
    _, page, _ = _map(mesh, tmp_path / "map.html")
    outputs = mesh.outputs()
    keys = [key for node in outputs["nodes"].values() for key in node["public_keys"].values()]
    keys += [node["host_key"].split()[1] for node in outputs["nodes"].values()]
    keys += [line for line in outputs["runner"]["push_key"].splitlines() if len(line) > 40]
    assert len(keys) > 20
    assert [key for key in keys if key in page] == []


def test_an_interface_that_is_pulled_down_is_told(mesh: Mesh, tmp_path: Path) -> None:
    """Its node has no session on that plane and is named in the findings."""
    node = mesh.lab.on("hel-b")
    node.succeed("systemctl stop wg-quick@wg3.service")
    try:
        code, page, told = _map(mesh, tmp_path / "map.html")
    finally:
        node.succeed("systemctl start wg-quick@wg3.service")
    assert (code, told["ok"]) == (1, False)
    at = NODES.index("hel-b")
    assert told["nodes"][at]["state"] == "differs"
    assert told["ages"]["storage"][at] == [-1, -1, -1, -3]
    assert min(age for age in told["ages"]["management"][at] if age != -3) >= 0
    found = [told["findings"][number] for number in told["nodes"][at]["findings"]]
    assert any("wg3" in " ".join([one["what"], *one["evidence"]]) for one in found)
    assert re.search(r"<b>storage</b>|wg3 storage</b> [0-9]+ of 12 fresh", page)
    repaired = mesh.backplane("drift", "--stack", STACK, "--repair")
    assert repaired.code == 0, repaired.out
    _well(mesh)


def test_status_watched_without_a_terminal_is_one_document_a_line(mesh: Mesh) -> None:
    """Two looks over the same sessions, each with all nodes and the oldest handshake by plane."""
    words = ("status", "--stack", STACK, "--json", "--watch", "2", "--looks", "2")
    done = mesh.backplane(*words)
    assert done.code == 0, done.err
    looks = [json.loads(line) for line in done.out.splitlines()]
    assert len(looks) == 2
    for look in looks:
        assert sorted(look["nodes"]) == list(NODES)
        assert sorted(look["planes"]) == sorted(SLOTS)
        assert all(plane["oldest"] is not None for plane in look["planes"].values())
    assert looks[1]["sessions"] == {"opened": 0, "kept": 8}
