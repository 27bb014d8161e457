"""Grafana shows what Prometheus has: with a login, from files, by queries that can be read."""

from __future__ import annotations

import configparser
import json
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from backplane.declaration import parse
from backplane.plan import Plan, plan
from backplane.roles import ROLES, Parts, dashboards, grafana
from backplane.roles.base import Named
from tests.core import asked, test_copies, tools


def _mesh(key: str | None = None, **more: Any) -> Plan:  # noqa: ANN401 - any part of a mesh
    raw = test_copies.raw()
    fsn, hel = (raw["sites"][site]["nodes"] for site in ("fsn", "hel"))
    fsn["fsn-a"]["roles"] = ["grafana"]
    fsn["fsn-b"]["roles"] = hel["hel-b"]["roles"] = ["prometheus"]
    section = {"secret": "grafana-admin", **({"key": key} if key else {})}
    return plan(parse({**raw, **more, "grafana": section}), project="x", stack="y")


def _parts(mesh: Plan) -> Parts:
    make = ROLES["grafana"].parts
    assert make is not None
    return make(mesh, mesh.node("fsn-a"))


def _panels(mesh: Plan) -> list[dict[str, Any]]:
    texts = dashboards.files(mesh).values()
    return [panel for text in texts for panel in json.loads(text)["panels"]]


def test_its_password_is_a_secret_and_its_address_managements() -> None:
    """The one file with a password is secret; nothing asks the internet, nobody signs up."""
    mesh = _mesh()
    parts = _parts(mesh)
    assert mesh.secrets == {"grafana-admin"}
    assert parts.secrets == {"admin": (Named(name="grafana-admin"),)}
    told = configparser.ConfigParser(interpolation=None)
    told.read_string(parts.files["grafana.ini"])
    assert told["server"]["http_addr"] == mesh.node("fsn-a").addresses["management"].v4
    assert told["security"]["admin_password"].startswith("$__file{/run/credentials/")
    assert told["auth.anonymous"]["enabled"] == "false"
    assert told["users"]["allow_sign_up"] == "false"
    assert told["analytics"]["reporting_enabled"] == "false"
    unit = parts.units["backplane-grafana.service"]
    assert "LoadCredential=admin:/run/backplane/active/secrets/grafana/admin\n" in unit
    assert "User=grafana\n" in unit


def test_a_password_is_given_again_once_there_is_an_admin(tmp_path: Path) -> None:
    """Not before the first start has made one: with no database, an empty one, one with others."""
    base, given = tmp_path / "grafana.db", tmp_path / "admin"
    given.write_text("the-password")
    script = _parts(_mesh()).files["password.sh"]
    script = script.replace("/var/lib/backplane-grafana/grafana.db", str(base))
    program = tmp_path / "grafana"
    program.write_text('#!/bin/sh\necho "given $(cat) by $*"\n')
    program.chmod(0o755)
    script = script.replace("/usr/share/grafana/bin/grafana", str(program))

    def run() -> str:
        asked = ["sh", "-c", script, "sh", str(given)]
        return subprocess.run(asked, check=True, capture_output=True, text=True).stdout

    assert run() == ""
    base.touch()
    assert run() == ""
    with sqlite3.connect(base) as database:
        database.execute("create table other (id integer)")
    assert run() == ""
    with sqlite3.connect(base) as database:
        database.execute("create table user (id integer)")
    assert run() == ""
    with sqlite3.connect(base) as database:
        database.execute("insert into user values (1)")
    assert run().startswith("given the-password by cli --homepath=/usr/share/grafana --config=")
    base.write_text("no database")
    with pytest.raises(subprocess.CalledProcessError):
        run()


def test_each_prometheus_is_a_source_and_the_first_is_asked() -> None:
    """By name on monitoring; those that dashboards choose among."""
    text = _parts(_mesh()).files["provisioning/datasources/backplane.yaml"]
    sources = yaml.safe_load(text)["datasources"]
    assert [(one["uid"], one["url"], one["isDefault"]) for one in sources] == [
        ("prometheus-59dc2af61680", "http://fsn-b.mon:9090", True),
        ("prometheus-8ff667034c37", "http://hel-b.mon:9090", False),
    ]
    assert all(len(one["uid"]) <= 40 for one in sources)


def test_its_packages_are_signed_with_a_key_that_is_known() -> None:
    """Grafana's own, or the one that is declared."""
    archive = _parts(_mesh()).archive
    assert archive is not None
    assert archive.fingerprint == grafana.FINGERPRINT
    other = _parts(_mesh(key="A" * 40)).archive
    assert other is not None
    assert other.fingerprint == "A" * 40


def test_panels_stand_beside_one_another() -> None:
    """None over another, none beyond the page, each with a number of its own and a query."""
    for text in dashboards.files(_mesh()).values():
        document = json.loads(text)
        taken: set[tuple[int, int]] = set()
        for panel in document["panels"]:
            at = panel["gridPos"]
            cells = {
                (at["x"] + right, at["y"] + down)
                for right in range(at["w"])
                for down in range(at["h"])
            }
            assert at["x"] + at["w"] <= 24
            assert not cells & taken
            taken |= cells
            assert panel["targets"]
            assert panel["description"]
        numbers = [panel["id"] for panel in document["panels"]]
        assert len(set(numbers)) == len(numbers)
        assert document["editable"] is False


def test_there_is_a_matrix_for_each_plane_in_use() -> None:
    """And one less where a plane is left out; copies have a page where there are some."""
    kinds = [panel["type"] for panel in _panels(_mesh())]
    assert kinds.count("table") == 4
    less = _mesh(planes={"storage": {"use": False}}, replicate={})
    assert [panel["type"] for panel in _panels(less)].count("table") == 3
    assert "copies.json" in dashboards.files(_mesh())
    assert "copies.json" not in dashboards.files(_mesh(replicate={}))


@pytest.mark.parametrize("query", asked.queries(_mesh()))
def test_prometheus_can_read_every_query(query: str, tmp_path: Path) -> None:
    """Promtool takes each as a rule's expression, and a broken one it does not."""
    tool = tools.need("promtool", package="prometheus")
    for text, well in ((query, True), (f"{query} )", False)):
        rule = {"record": "asked", "expr": text}
        path = tmp_path / "rules.yml"
        path.write_text(yaml.safe_dump({"groups": [{"name": "x", "rules": [rule]}]}))
        assert tools.accepts(tool, "check", "rules", path)[0] is well
