"""The export formats: golden texts, the same that the mesh knows of itself, and the tools' say."""

from __future__ import annotations

import ipaddress
import json
import re
import shlex
from pathlib import Path
from typing import Any

import dns.exception
import dns.name
import dns.zone
import pytest
import yaml

from backplane import contract, names
from backplane.render import hosts, sshconfig
from backplane.render.export import FORMATS, ansible, zone
from backplane.roles import dns as dns_role
from backplane.roles import prometheus
from tests.core import exported, golden, tools

OUTPUTS = exported.outputs()
PLAN = exported.plan()
GOLDEN = {
    "ansible": "ansible.yml",
    "file_sd": "targets.json",
    "firewall": "firewall.json",
    "hosts": "hosts",
    "http_sd": "targets.json",
    "json": "outputs.json",
    "known_hosts": "known_hosts",
    "plan": "plan.json",
    "ssh": "ssh_config",
    "zone": "zones",
}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_every_format_equals_its_golden_file(name: str) -> None:
    """And is the same text every time, whatever the order of the document, with a last newline."""
    text = FORMATS[name].text(OUTPUTS)
    golden.compare(f"export/{GOLDEN[name]}", text)
    turned = contract.parse(_turned(exported.document()))
    assert FORMATS[name].text(turned) == text
    assert text.endswith("\n")
    assert not text.endswith("\n\n")


def _turned(part: Any) -> Any:  # noqa: ANN401 - any JSON
    """The same document with every mapping the other way round."""
    if isinstance(part, dict):
        return {key: _turned(part[key]) for key in reversed(part)}
    return [_turned(one) for one in part] if isinstance(part, list) else part


def test_every_golden_file_is_a_formats() -> None:
    """No file of a format that is none any more is left."""
    assert {*GOLDEN} == {*FORMATS}
    there = {path.name for path in (golden.DIRECTORY / "export").iterdir()}
    assert there == {*GOLDEN.values()}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_an_empty_mesh_is_written_too(name: str) -> None:
    """Without a node, a site or a name each format is still one that its reader takes."""
    document = exported.document()
    for part, fields in (
        (document, ["nodes", "firewall_ids", "server_ids"]),
        (document["plan"], ["sites", "epochs", "openings", "people"]),
        (document["dns"], ["services", "servers"]),
    ):
        part.update({field: {} for field in fields})
    document |= {"ssh_config": "", "known_hosts": ""}
    text = FORMATS[name].text(contract.parse(document))
    if name in {"ansible", "file_sd", "firewall", "http_sd", "json", "plan"}:
        yaml.safe_load(text)
    elif name != "zone":
        assert text == ""


def test_hosts_are_what_every_node_has() -> None:
    """The text made of the outputs is the one made of the plan; a node less is another."""
    assert FORMATS["hosts"].text(OUTPUTS) == hosts.block(names.records(PLAN))
    document = exported.document()
    document["nodes"]["hel-b"]["retire"] = True
    assert "hel-b.mgmt" not in FORMATS["hosts"].text(contract.parse(document))


def test_ssh_is_what_the_stack_wrote(tmp_path: Path) -> None:
    """`ssh -G` takes it: management's address, the pinned name, and nothing for a stranger."""
    assert FORMATS["ssh"].text(OUTPUTS) == sshconfig.config(PLAN)
    config = tmp_path / "config"
    config.write_text(FORMATS["ssh"].text(OUTPUTS), encoding="utf-8")
    for name, pinned in (("hel-b", True), ("stranger", False)):
        taken, said = tools.accepts(tools.need("ssh"), "-F", config, "-G", name)
        assert taken
        assert ("hostkeyalias hel-b.lab.backplane" in said.splitlines()) is pinned
        assert ("hostname 10.201.2.2" in said.splitlines()) is pinned


def test_targets_are_those_of_the_meshs_own_prometheus() -> None:
    """Every node's exporter, every Prometheus and Alertmanager, by name; no retired node's."""
    told = json.loads(FORMATS["file_sd"].text(OUTPUTS))
    assert FORMATS["http_sd"].text(OUTPUTS) == FORMATS["file_sd"].text(OUTPUTS)
    own = yaml.safe_load(prometheus.config(PLAN))
    asked = {
        (target, group["labels"]["instance"])
        for job in own["scrape_configs"]
        for group in job["static_configs"]
        for target in group["targets"]
    }
    found = {(target, one["labels"]["instance"]) for one in told for target in one["targets"]}
    assert found == asked | {("fsn-b.mon:9093", "fsn-b")}
    assert {"targets": ["hel-a.mon:9090"], "labels": _labels("hel-a", "prometheus", "hel")} in told
    assert not [one for one in told if "hel-old" in str(one)]


def _labels(instance: str, role: str, site: str) -> dict[str, str]:
    return {"instance": instance, "role": role, "site": site}


def test_without_monitoring_there_are_no_targets() -> None:
    """A mesh that leaves the plane out is an empty list, which Prometheus takes."""
    document = exported.document()
    document["plan"]["planes"] = [
        plane for plane in document["plan"]["planes"] if plane["slot"] != "monitoring"
    ]
    del document["dns"]["zones"]["monitoring"]
    del document["dns"]["services"]["prometheus.mon"]
    outputs = contract.parse(document)
    assert json.loads(FORMATS["file_sd"].text(outputs)) == []
    assert ".mon" not in FORMATS["hosts"].text(outputs)
    assert not [name for name in zone.files(outputs) if "202" in name or "mon" in name]


def test_prometheus_takes_the_targets(tmp_path: Path) -> None:
    """`promtool check config` reads the file behind `file_sd_configs`; a broken one it refuses."""
    tool = tools.need("promtool", package="prometheus")
    targets, config = tmp_path / "targets.json", tmp_path / "prometheus.yml"
    job = {"job_name": "mesh", "file_sd_configs": [{"files": [str(targets)]}]}
    config.write_text(yaml.safe_dump({"scrape_configs": [job]}), encoding="utf-8")
    text = FORMATS["file_sd"].text(OUTPUTS)
    for written, well in ((text, True), (text.replace('"targets"', '"target"'), False)):
        targets.write_text(written, encoding="utf-8")
        assert tools.accepts(tool, "check", "config", config)[0] is well


def _read(outputs: contract.Outputs) -> dict[str, dns.zone.Zone]:
    """Every zone file, read by dnspython, by its zone."""
    return {
        name.removesuffix(".zone"): dns.zone.from_text(text, check_origin=True)
        for name, text in zone.files(outputs).items()
    }


def _told(read: dict[str, dns.zone.Zone], kind: str) -> set[tuple[str, str]]:
    return {
        (name.derelativize(one.origin or dns.name.root).to_text(omit_final_dot=True), str(data))
        for one in read.values()
        for name, _, data in one.iterate_rdatas(kind)
    }


def test_zones_say_what_the_meshs_own_dns_nodes_answer() -> None:
    """Forward and back, all that Unbound is told and nothing else; each has one SOA and an NS."""
    read = _read(OUTPUTS)
    text = dns_role.unbound(PLAN, PLAN.node("fsn-a"))
    assert {*read} == {*re.findall(r"local-zone: (\S+)\. static", text)}
    for kind in ("A", "AAAA"):
        own = re.findall(rf'local-data: "(\S+)\. 300 {kind} (\S+)"', text)
        assert _told(read, kind) == {*own}
    back = {
        (ipaddress.ip_address(address).reverse_pointer, f"{name}.")
        for address, name in re.findall(r'local-data-ptr: "(\S+) 300 (\S+)\."', text)
    }
    assert _told(read, "PTR") == back
    for one in read.values():
        assert len([*one.iterate_rdatas("SOA")]) == len([*one.iterate_rdatas("NS")]) == 1
        assert {ttl for _, ttl, _ in one.iterate_rdatas()} == {300}
    assert not [name for name, _ in _told(read, "A") if "printer" in name or "hel-old" in name]


def test_the_text_of_zones_is_all_of_their_files() -> None:
    """One after the other, each with its origin; dnspython takes no broken line of one."""
    files = zone.files(OUTPUTS)
    assert FORMATS["zone"].text(OUTPUTS) == "\n".join(files.values())
    broken = files["mgmt.zone"].replace("10.201.1.1", "10.201.1.1111")
    with pytest.raises(dns.exception.SyntaxError):
        dns.zone.from_text(broken, check_origin=True)


def test_the_inventory_groups_by_site_role_and_state() -> None:
    """As Ansible's YAML plugin reads it: hosts below `all`, groups of names without a dash."""
    everything = yaml.safe_load(FORMATS["ansible"].text(OUTPUTS))["all"]
    assert {*everything["hosts"]} == {"fsn-a", "fsn-b", "hel-a", "hel-b"}
    groups = {name: {*group["hosts"]} for name, group in everything["children"].items()}
    assert groups["site_hel"] == {"hel-a", "hel-b"}
    assert groups["role_dns"] == groups["role_wiki"] == {"fsn-a", "hel-a"}
    assert groups["state_offline"] == {"hel-b"}
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in groups)
    for name, node in OUTPUTS.nodes.items():
        if name in everything["hosts"]:
            own = everything["hosts"][name]
            assert own["ansible_host"] == node.addresses["management"].ipv4
            assert node.host_key in own["ansible_ssh_common_args"]


def test_ssh_takes_the_inventorys_arguments() -> None:
    """Split as Ansible splits them, `ssh -G` has the pin and no file of known hosts but none."""
    words = shlex.split(ansible.pinned("fsn-a", OUTPUTS.nodes["fsn-a"].host_key))
    taken, said = tools.accepts(tools.need("ssh"), *words, "-G", "10.201.1.1")
    assert taken
    lines = {*said.splitlines()}
    assert {"hostkeyalias fsn-a", "stricthostkeychecking true"} <= lines
    assert f"knownhostscommand /bin/echo fsn-a {OUTPUTS.nodes['fsn-a'].host_key}" in lines
    assert "userknownhostsfile /dev/null" in lines
    assert not tools.accepts(tools.need("ssh"), "-o", "KnownHostsCommands=x", "-G", "x")[0]


def test_no_name_is_more_than_one_word_of_the_arguments() -> None:
    """Not even one that the contract refuses: as many words as for a plain one, and no option."""
    key = OUTPUTS.nodes["fsn-a"].host_key
    plain = shlex.split(ansible.pinned("fsn-a", key))
    for name in ("x -o ProxyCommand=touch", "x' -o 'ProxyCommand=touch", "$(touch x)"):
        words = shlex.split(ansible.pinned(name, key))
        assert words[::2] == plain[::2] == ["-o"] * 5
        assert words[3] == f"HostKeyAlias={name}"
        assert shlex.split(words[9]) == ["KnownHostsCommand=/bin/echo", name, *key.split()]


def test_the_clouds_ids_stand_by_site() -> None:
    """A site's firewall and the machines behind it, retired ones too, and no other site's."""
    told = json.loads(FORMATS["firewall"].text(OUTPUTS))
    assert {site: {*one["servers"]} for site, one in told.items()} == {
        "fsn": {"fsn-a", "fsn-b"},
        "hel": {"hel-a", "hel-b", "hel-old"},
    }
    for site, one in told.items():
        assert one["cloud"] == "hetzner"
        assert one["firewall"] == OUTPUTS.firewall_ids[site]


def test_no_format_has_a_secret() -> None:
    """Outputs read with every secret in clear give the same texts, in every format."""
    secret = {"canary": "canary-9021"}
    document = {**exported.document(), "runner": secret, "operators": secret, "guests": secret}
    for one in FORMATS.values():
        text = one.text(contract.parse(document))
        assert "canary" not in text
        assert text == one.text(OUTPUTS)


def test_a_name_is_one_word_to_ssh() -> None:
    """Whatever a node is called in outputs from elsewhere, it brings no option of its own."""
    words = shlex.split(ansible.pinned("x -o ProxyCommand=touch", "ssh-ed25519 AAAA"))
    assert words[2:4] == ["-o", "HostKeyAlias=x -o ProxyCommand=touch"]
    assert [word for word in words if word.startswith("ProxyCommand")] == []
    (known,) = [word for word in words if word.startswith("KnownHostsCommand=")]
    assert shlex.split(known)[1] == "x -o ProxyCommand=touch"
