"""What the roles put on a node: golden texts, and systemd's own reading of them."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backplane.declaration import parse
from backplane.plan import Plan, plan
from backplane.render import services
from backplane.roles import ROLES, Parts, Role
from backplane.roles.base import (
    UNIT_PREFIX,
    Archive,
    HostKey,
    Named,
    PrivateKey,
    PublicKey,
    Tsig,
    at,
)
from tests.core import example, golden, named, tools


def _mesh() -> dict[str, Any]:
    """The one with names, and with Grafana on a node."""
    raw = named.raw()
    raw["sites"]["hel"]["nodes"]["hel-b"]["roles"] = ["grafana"]
    raw["planes"]["management"]["tcp"].append(3000)
    lan = {"id": 1, "nodes": ["fsn-a", "fsn-b", "hel-a", "hel-b"]}
    return {**raw, "grafana": {"secret": "admin"}, "segments": {"lan": lan}}


MADE = example.material(_mesh())
ROUTED = example.material(example.routed())
TOOLS = {"knot-dnsutils", "sudo"}
"""Packages that bring no daemon."""


def _running() -> list[str]:
    return sorted(name for name, role in ROLES.items() if role.parts)


def _plan(**settings: object) -> Plan:
    raw = {**example.raw(), **settings}
    return plan(parse(raw), project="x", stack="y")


def _parts(name: str, node: str = "fsn-a") -> Parts:
    parts = ROLES[name].parts
    assert parts is not None
    where = ROUTED.plan if ROLES[name].routed else MADE.plan
    return parts(where, where.node(node))


def _whose(piece: Tsig | PrivateKey | PublicKey | HostKey | Named) -> str:
    return piece.name if isinstance(piece, Named) else piece.owner


def _masked(parts: Parts) -> dict[str, str]:
    """What is secret, with what stands for a key in the key's place."""
    return {
        path: "".join(one if isinstance(one, str) else f"({_whose(one)})" for one in pieces)
        for path, pieces in parts.secrets.items()
    }


@pytest.mark.parametrize("name", _running())
def test_units_and_files_read_as_looked_at(name: str) -> None:
    """Each equals its golden file, and is the same text every time."""
    parts = _parts(name)
    assert parts == _parts(name)
    for path, text in {**parts.files, **parts.units, **_masked(parts)}.items():
        golden.compare(f"roles/{name}/{path}", text)


@pytest.mark.parametrize("name", _running())
def test_systemd_knows_every_setting(name: str, tmp_path: Path) -> None:
    """`systemd-analyze verify` finds nothing unknown in a unit; with a word misspelt it does."""
    tool = tools.need("systemd-analyze")
    for unit, text in _parts(name).units.items():
        assert unit.startswith(UNIT_PREFIX)
        (tmp_path / unit).write_text(text, encoding="utf-8")
    for unit, text in _parts(name).units.items():
        _, said = tools.accepts(tool, "verify", tmp_path / unit)
        assert "nknown" not in said, said
        broken = tmp_path / f"broken-{unit}"
        broken.write_text(text.replace("Description", "Descripton"), encoding="utf-8")
        assert "nknown" in tools.accepts(tool, "verify", broken)[1]


@pytest.mark.parametrize("name", _running())
def test_a_role_says_what_its_package_would_start(name: str) -> None:
    """Every package's own unit is shut, and none of ours has a name of a distribution's."""
    role = ROLES[name]
    assert all(unit.endswith((".service", ".socket", ".timer")) for unit in role.shut)
    assert bool({*role.packages} - TOOLS) <= bool(role.shut)


_LISTENING = re.compile(
    r"listen[a-z.-]*address=(\S*?)[\"\s]|ListenStream=(\S+)\n"
    r"|(?:interface|listen): (\S+)\n|listen (\S+);"
)
_PAGES = re.compile(r"http_addr = (\S*)\nhttp_port = (\d+)")
_DATABASE = re.compile(r"listen_addresses=(\S*).* port=(\d+)")


def _listening(text: str) -> set[str]:
    """Address and port, as they are written, of each listener that units and files tell of."""
    found = {"".join(one) for one in _LISTENING.findall(text)} - {""}
    found |= {f"{address}:{port}" for address, port in _PAGES.findall(text)}
    for addresses, port in _DATABASE.findall(text):
        found |= {f"[{a}]:{port}" if ":" in a else f"{a}:{port}" for a in addresses.split(",")}
    return found


# Where copies come in it is sshd that listens: `test_copies`. FRR listens everywhere, behind
# `test_forwarding`; whoever follows routes listens at its own address: `test_routes`.
@pytest.mark.parametrize("name", sorted({*_running()} - {"replica", "bgp", "gateway", "routes"}))
def test_no_listener_is_a_wildcard(name: str) -> None:
    """Wherever a daemon is told to listen is an address of its node, with a port of its role."""
    for node in MADE.plan.nodes:
        own = {one for address in node.addresses.values() for one in (address.v4, address.v6)}
        role, parts = ROLES[name], _parts(name, node=node.name)
        text = "\n".join([*parts.units.values(), *parts.files.values(), *_masked(parts).values()])
        assert "0.0.0.0" not in text  # noqa: S104 - that is what must not be there
        assert "[::]" not in text
        told = _listening(text)
        doors = {(one, port) for one in own for _, _, port in role.listens}
        assert told <= {
            shown
            for one, port in doors
            for shown in (f"{one}:{port}", f"[{one}]:{port}", f"{one}@{port}")
        }
        assert len(told) == 2 * len({(slot, port) for slot, _, port in role.listens})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("--web.listen-address=:9090 ", ":9090"),
        ("ListenStream=9090\n", "9090"),
        ("listen 8080;", "8080"),
        ("-c listen_addresses=* -c port=5432", "*:5432"),
        ("-c listen_addresses= -c port=5432", ":5432"),
        ("http_addr = \nhttp_port = 3000\n", ":3000"),
    ],
)
def test_an_address_left_out_would_be_seen(text: str, found: str) -> None:
    """A port without an address, which is every address, is found by the test above."""
    assert _listening(text) == {found}


def test_a_role_whose_plane_is_left_out_does_not_run() -> None:
    """Without monitoring there is neither the exporter nor its unit, and the rest is as before."""
    mesh = _plan(planes={"monitoring": {"use": False}}, operators={})
    assert "node_exporter" in mesh.node("fsn-a").roles
    assert [role.name for role in mesh.roles("fsn-a")] == ["ssh", "traffic"]
    whole = services.services(mesh, mesh.node("fsn-a"), mesh.roles("fsn-a"))
    assert set(whole.document) == {"traffic"}
    assert not any("exporter" in path for path in whole.files)


def test_what_a_role_brings_is_all_in_the_bundle() -> None:
    """Files below its name, units beside them, and what its packages and checks need as data."""
    parts = Parts(
        files={"it.conf": "text\n"},
        units={"backplane-it.service": "unit\n"},
        checks=(("it-check", "{}/it.conf"),),
        archive=Archive(uri="u", suite="s", component="c", key="k", fingerprint="f"),
    )
    role = Role(
        name="it",
        packages=("b", "a"),
        shut=("it.service",),
        ahead={"/etc/it/it.d/backplane.conf": "quiet = yes\n"},
        parts=lambda *_: parts,
    )
    node = MADE.plan.node("fsn-a")
    made = services.services(MADE.plan, node, [role, replace(role, name="bare", parts=None)])
    assert made.files == {"roles/it/it.conf": "text\n", "units/backplane-it.service": "unit\n"}
    assert json.loads(json.dumps(made.document)) == {
        "it": {
            "packages": ["a", "b"],
            "archive": {"uri": "u", "suite": "s", "component": "c", "key": "k", "fingerprint": "f"},
            "shut": ["it.service"],
            "ahead": {"/etc/it/it.d/backplane.conf": "quiet = yes\n"},
            "units": ["backplane-it.service"],
            "checks": [["it-check", "{}/it.conf"]],
        }
    }
    assert at("it", "it.conf") == "/run/backplane/active/roles/it/it.conf"
    assert at("it") == "/run/backplane/active/roles/it"
