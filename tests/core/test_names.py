"""Names: who is called what, who may register, and what the DNS nodes answer, read back."""

import ipaddress
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backplane import keys, names
from backplane.declaration import parse
from backplane.plan import Plan, plan
from backplane.render import bundle, hosts
from backplane.roles import ROLES, dns
from backplane.roles import names as names_role
from tests.core import example, named, tools

MADE = example.material(named.raw())
ROOT = MADE.roots["management"]


def _plan(**settings: object) -> Plan:
    return plan(parse({**named.raw(), **settings}), project="x", stack="y")


def _bundle(node: str, made: example.Material = MADE) -> bundle.Bundle:
    return bundle.bundle(made.plan, node, made.identities[node], made.cards, made.roots)


def test_a_service_has_a_name_on_its_plane_that_means_all_who_run_it() -> None:
    """Of roles and of the user's own services; what every node runs has none."""
    found = {(one.name, one.address.v4) for one in names.of_services(MADE.plan)}
    assert found == {
        ("dns.mgmt", "10.201.1.1"),
        ("dns.mgmt", "10.201.2.1"),
        ("prometheus.mon", "10.202.2.1"),
        ("wiki.mgmt", "10.201.1.1"),
        ("wiki.mgmt", "10.201.2.1"),
    }


def test_a_node_keeps_its_name_from_a_service_of_that_name() -> None:
    """A node called `wiki` is what wiki.mgmt means, though two nodes run the service wiki."""
    raw = named.raw()
    raw["sites"]["hel"]["nodes"]["wiki"] = {"id": 9}
    mesh = plan(parse(raw), project="x", stack="y")
    told = [one for one in names.records(mesh) if one.name == "wiki.mgmt"]
    assert [one.address.v4 for one in told] == ["10.201.2.9"]


def test_who_retires_has_no_name() -> None:
    """Neither its own nor a service's, nor is it asked for names."""
    raw = named.raw()
    raw["sites"]["hel"]["nodes"]["hel-a"]["retire"] = True
    mesh = plan(parse(raw), project="x", stack="y")
    assert not [one for one in names.records(mesh) if one.address.v4.endswith(".2.1")]
    assert [one.v4 for one in names.servers(mesh, mesh.node("hel-b"))] == ["10.201.1.1"]


def test_a_node_asks_the_dns_nodes_of_its_site_first() -> None:
    """Each node all of them, the nearest in front, and who is declared offline behind them."""
    asked = {n.name: [one.v4 for one in names.servers(MADE.plan, n)] for n in MADE.plan.nodes}
    fsn, hel = "10.201.1.1", "10.201.2.1"
    assert asked == {
        "fsn-a": [fsn, hel],
        "fsn-b": [fsn, hel],
        "hel-a": [hel, fsn],
        "hel-b": [hel, fsn],
    }
    raw = named.raw()
    raw["sites"]["hel"]["nodes"]["hel-a"]["offline"] = True
    mesh = plan(parse(raw), project="x", stack="y")
    assert [one.v4 for one in names.servers(mesh, mesh.node("hel-b"))] == [fsn, hel]


@given(st.integers(0, 250), st.integers(0, 3), st.binary(min_size=5, max_size=5))
def test_an_address_lies_in_the_reverse_zone_of_its_plane(
    network: int, index: int, middle: bytes
) -> None:
    """And in that of no other plane, whatever the mesh's addresses."""
    ula = str(ipaddress.IPv6Network((b"\xfd" + middle + bytes(10), 48)))
    mesh = _plan(network=network, ula=ula)
    node = mesh.node("fsn-a")
    for plane in mesh.planes:
        for own, net in zip(
            (node.addresses[plane.slot].v4, node.addresses[plane.slot].v6),
            (plane.supernet4, plane.supernet6),
            strict=True,
        ):
            pointer = ipaddress.ip_address(own).reverse_pointer
            assert pointer.endswith(f".{names.reverse(net)}")
            other = mesh.planes[(index + plane.index + 1) % 4]
            if other is not plane:
                assert not pointer.endswith(f".{names.reverse(other.supernet4)}")
                assert not pointer.endswith(f".{names.reverse(other.supernet6)}")


def test_unbound_has_every_name_and_address_and_no_other() -> None:
    """What its file says of names is what the plan says, forward and back, TTL 300."""
    text = dns.unbound(MADE.plan, MADE.plan.node("fsn-a"))
    told = {
        (name, kind, value)
        for name, kind, value in re.findall(r'local-data: "(\S+)\. 300 (A|AAAA) (\S+)"', text)
    }
    expected = names.records(MADE.plan)
    assert told == {(one.name, "A", one.address.v4) for one in expected} | {
        (one.name, "AAAA", one.address.v6) for one in expected
    }
    back = dict(re.findall(r'local-data-ptr: "(\S+) 300 (\S+)\."', text))
    assert back == {
        address: one.name
        for one in names.own(MADE.plan.nodes, MADE.plan.planes)
        for address in (one.address.v4, one.address.v6)
    }


def test_hosts_has_what_dns_has() -> None:
    """So that with every DNS node down every name of the plan still resolves."""
    block = hosts.block(names.records(MADE.plan))
    told = {(name, line.split()[0]) for line in block.splitlines() for name in line.split()[1:]}
    for one in names.records(MADE.plan):
        assert {(one.name, one.address.v4), (one.name, one.address.v6)} <= told


def test_a_key_is_known_to_its_owner_and_the_dns_nodes_alone() -> None:
    """A bundle holds its node's key, a DNS node's those of all; all in files of root's."""
    own = {
        node.name: keys.tsig(ROOT, f"{node.name}.mgmt", incarnation=node.incarnation).base64()
        for node in MADE.plan.nodes
    }
    assert len({*own.values()}) == len(own)
    for node in MADE.plan.nodes:
        holders: dict[str, list[str]] = {}
        for path, file in _bundle(node.name).files().items():
            for name, secret in own.items():
                if secret in file.text:
                    assert file.mode == "0600", path
                    holders.setdefault(name, []).append(path)
        serves = ["secrets/dns/knot.conf"] if "dns" in node.roles else []
        expected = {name: [*serves] for name in own if serves}
        expected[node.name] = [*serves, "secrets/names/tsig"]
        assert holders == expected


def test_a_rebuilt_machine_and_a_new_epoch_have_other_keys() -> None:
    """As has every name, and a guest of a name that a node may get one day."""
    every = {
        keys.tsig(ROOT, "a.mgmt", incarnation=0),
        keys.tsig(ROOT, "a.mgmt", incarnation=1),
        keys.tsig(ROOT, "a.mgmt", incarnation=2),
        keys.tsig(ROOT, "b.mgmt", incarnation=1),
        keys.tsig(example.seed("another"), "a.mgmt", incarnation=1),
    }
    assert len(every) == 5


def test_a_mesh_without_a_dns_node_has_no_names_role() -> None:
    """Nothing is installed, nobody is asked; the hosts file has the names."""
    raw = named.raw()
    del raw["dns"]
    for site in raw["sites"].values():
        for node in site["nodes"].values():
            node["roles"] = [role for role in node.get("roles", []) if role != "dns"]
    made = example.material(raw)
    assert "names" not in [role.name for role in made.plan.roles("fsn-a")]
    assert not [path for path in _bundle("fsn-a", made).files() if "names" in path]
    assert "fsn-a.mgmt" in _bundle("fsn-a", made).files()["hosts"].text


@pytest.mark.parametrize(("resolve", "checks"), [("planes", 0), ("everything", 1)])
def test_everything_is_asked_of_the_dns_nodes_only_where_it_can_be(
    resolve: str, checks: int
) -> None:
    """The guide's way needs systemd-resolved, and a machine without it is not changed."""
    mesh = _plan(dns={"resolve": resolve})
    parts = ROLES["names"].parts
    assert parts is not None
    assert len(parts(mesh, mesh.node("fsn-b")).checks) == checks
    told = json.loads(names_role.config(mesh, mesh.node("fsn-b")))
    assert told["everything"] is bool(checks)


@pytest.mark.parametrize(
    ("runs", "nsswitch", "resolv", "fits"),
    [
        (True, "hosts: files resolve [!UNAVAIL=return] dns", "nameserver 192.0.2.1", True),
        (True, "hosts: files dns", "nameserver 127.0.0.53", True),
        (True, "hosts: files dns", "nameserver 192.0.2.1", False),
        (False, "hosts: files resolve dns", "nameserver 127.0.0.53", False),
    ],
)
def test_whom_programs_ask_decides_whether_everything_can_be_asked(
    tmp_path: Path, nsswitch: str, resolv: str, *, runs: bool, fits: bool
) -> None:
    """The role's own check, run: systemd-resolved must run, and be asked, by either way."""
    mesh = _plan(dns={"resolve": "everything"})
    parts = ROLES["names"].parts
    assert parts is not None
    ((*shell, script),) = parts(mesh, mesh.node("fsn-b")).checks
    for name, text in (("nsswitch.conf", nsswitch), ("resolv.conf", resolv)):
        (tmp_path / name).write_text(f"{text}\n", encoding="ascii")
        script = script.replace(f"/etc/{name}", str(tmp_path / name))
    script = f"systemctl() {{ {'true' if runs else 'false'}; }}\n{script}"
    taken, said = tools.accepts(*shell, script)
    assert taken == fits
    assert ("do not ask systemd-resolved" in said) == (not fits)


@pytest.mark.parametrize("node", ["fsn-a", "hel-a"])
def test_the_daemons_own_checkers_take_the_files(node: str, tmp_path: Path) -> None:
    """`unbound-checkconf` and `knotc conf-check`; a word misspelt is refused by each."""
    files = _bundle(node).files()
    checkers: tuple[tuple[str, str, list[str], str, str], ...] = (
        ("unbound-checkconf", "unbound", [], "roles/dns/unbound.conf", "forward-addr"),
        ("knotc", "knot", ["-c"], "secrets/dns/knot.conf", "update-owner-match"),
    )
    for tool, package, words, path, word in checkers:
        at = tmp_path / Path(path).name
        argv: list[str | Path] = [tools.need(tool, package=package), *words, at]
        argv += ["conf-check"] if words else []
        at.write_text(files[path].text, encoding="utf-8")
        assert tools.accepts(*argv)[0], tools.accepts(*argv)[1]
        at.write_text(files[path].text.replace(word, f"{word}x"), encoding="utf-8")
        assert not tools.accepts(*argv)[0]


def test_unbound_asks_over_tls_or_in_plain() -> None:
    """With certificates' names on port 853, without on port 53; the guide's two by default."""
    over_tls = dns.unbound(MADE.plan, MADE.plan.node("fsn-a"))
    assert "forward-tls-upstream: yes\n" in over_tls
    assert "forward-addr: 1.1.1.1@853#cloudflare-dns.com\n" in over_tls
    mesh = _plan(dns={})
    plain = dns.unbound(mesh, mesh.node("fsn-a"))
    assert "forward-tls-upstream: no\n" in plain
    assert re.findall(r"forward-addr: (\S+)\n", plain) == ["1.1.1.1", "8.8.8.8"]
    assert "ca-certificates" not in plain
    assert "printer" in over_tls
    assert "stub-zone" not in plain


def test_a_zone_that_a_power_cut_left_broken_begins_anew(tmp_path: Path) -> None:
    """Whole zones stay, cut ones become empty ones, and names that are none any more go."""
    parts = ROLES["dns"].parts
    assert parts is not None
    files = parts(MADE.plan, MADE.plan.node("fsn-a")).files
    empty, zones = tmp_path / "empty.zone", tmp_path / "zones"
    empty.write_text(files["empty.zone"], encoding="ascii")
    zones.mkdir()
    whole = f"{files['empty.zone']}@ 300 A 10.201.1.9\n;; Written 3 records\n"
    (zones / "fsn-a.mgmt.zone").write_text(whole, encoding="ascii")
    (zones / "fsn-b.mgmt.zone").write_text("fsn-b.mgmt. 300 SO", encoding="ascii")
    (zones / "hel-a.mgmt.zone").touch()
    (zones / "gone.mgmt.zone").write_text(whole, encoding="ascii")
    (zones / "fsn-a.mgmt.zone.x7Rt2a").write_text("fsn-a.", encoding="ascii")
    script = files["seed"].replace("/var/lib/backplane-knot/zones", str(zones))
    script = script.replace("/run/backplane/active/roles/dns/empty.zone", str(empty))
    for _ in range(2):
        assert tools.accepts("sh", "-c", script) == (True, "")
        found = {path.name: path.read_text(encoding="ascii") for path in zones.iterdir()}
        assert found.pop("fsn-a.mgmt.zone") == whole
        assert set(found) == {
            f"{name}.mgmt.zone" for name in ("fsn-b", "hel-a", "hel-b", "printer")
        }
        assert {*found.values()} == {files["empty.zone"]}
