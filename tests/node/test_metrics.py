"""The node's own metrics: names, labels and values as Prometheus reads them, and no secret."""

import json
import re
from collections.abc import Sequence

import pytest

from node import generations, metrics
from node.metrics import Metric
from node.receive import FILE
from tests.node.model import Box
from tests.node.recipe import Recipe, key

B, RUNNER = key("peer b wg1"), key("peer runner wg1")
SHOWN = {
    "allowed-ips": f"wg1\t{B}\t10.201.2.9/32 fd00:0:0:1::9/128\nwg1\t{RUNNER}\t(none)\n"
    f"wg9\t{key('x')}\t(none)\n",
    "transfer": f"wg1\t{B}\t1200\t3400\nwg1\t{RUNNER}\t0\t0\nwg9\t{key('x')}\t1\t1\n",
    "latest-handshakes": f"wg1\t{B}\t1700000000\nwg1\t{RUNNER}\t0\nwg9\t{key('x')}\t5\n",
}
COUNTERS = {
    "nftables": [
        {"metainfo": {"version": "1.0.6"}},
        {"counter": {"name": "unexpected_wg1", "packets": 7, "bytes": 70}},
        {"counter": {"name": "held", "packets": 3, "bytes": 30}},
    ]
}


@pytest.fixture
def asked(enrolled: Box, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What the tool asks WireGuard and nft, which answer as above."""
    seen: list[list[str]] = []

    def must(argv: Sequence[str], **_: object) -> str:
        seen.append(list(argv))
        return SHOWN[argv[-1]] if argv[0] == "wg" else json.dumps(COUNTERS)

    monkeypatch.setattr(enrolled.machine.commands, "must", must)
    return seen


def _written(box: Box) -> dict[str, str]:
    metrics.metrics(box.machine, {})
    return {
        path.name: path.read_text(encoding="utf-8")
        for path in box.layout.at(metrics.FOLDER).iterdir()
    }


@pytest.mark.usefixtures("asked")
def test_wireguard_has_the_exporters_names_and_a_name_for_every_peer(enrolled: Box) -> None:
    """The three families of prometheus_wireguard_exporter, with its labels and the plane."""
    text = _written(enrolled)["wireguard.prom"]
    labels = (
        f'interface="wg1",public_key="{B}",allowed_ips="10.201.2.9/32,fd00:0:0:1::9/128",'
        'friendly_name="b",plane="wg1"'
    )
    assert f"wireguard_sent_bytes_total{{{labels}}} 3400\n" in text
    assert f"wireguard_received_bytes_total{{{labels}}} 1200\n" in text
    assert f"wireguard_latest_handshake_seconds{{{labels}}} 1700000000\n" in text
    assert 'allowed_ips="",friendly_name="runner"' in text
    assert re.findall(r"# TYPE (\S+) (\S+)", text) == [
        ("wireguard_sent_bytes_total", "counter"),
        ("wireguard_received_bytes_total", "counter"),
        ("wireguard_latest_handshake_seconds", "gauge"),
    ]


@pytest.mark.usefixtures("asked")
def test_what_was_said_of_copies_goes_with_them(enrolled: Box) -> None:
    """It stays while there are some; an old value would stand there for good."""
    told = metrics.write(enrolled.machine, "replication", [])
    copies = enrolled.layout.active / FILE
    copies.parent.mkdir(parents=True)
    copies.touch()
    assert told in _written(enrolled)
    copies.unlink()
    assert told not in _written(enrolled)


@pytest.mark.usefixtures("asked")
def test_somebody_elses_interface_is_left_out(enrolled: Box) -> None:
    """Only interfaces of the active generation are told of."""
    assert "wg9" not in _written(enrolled)["wireguard.prom"]


def test_no_secret_is_asked_for(enrolled: Box, asked: list[list[str]]) -> None:
    """Neither a dump nor a configuration: nothing that would print a private or shared key."""
    _written(enrolled)
    assert {argv[-1] for argv in asked if argv[0] == "wg"} == set(SHOWN)


@pytest.mark.usefixtures("asked")
def test_guards_and_waiting_reboots(enrolled: Box) -> None:
    """A guard's counter by interface, no other counter; a reboot counts once Debian asks for it."""
    text = _written(enrolled)["backplane.prom"]
    assert 'backplane_unexpected_packets_total{interface="wg1"} 7\n' in text
    assert "held" not in text
    assert "backplane_reboot_required 0\n" in text
    enrolled.layout.at("/run/reboot-required").touch()
    assert "backplane_reboot_required 1\n" in _written(enrolled)["backplane.prom"]


@pytest.mark.usefixtures("asked")
def test_files_are_whole_and_readable(enrolled: Box) -> None:
    """The exporter's user may read them; nothing half-written and nothing left over is there."""
    assert set(_written(enrolled)) == {"backplane.prom", "wireguard.prom"}
    for path in enrolled.layout.at(metrics.FOLDER).iterdir():
        assert path.stat().st_mode & 0o777 == 0o644


def test_a_name_cannot_break_the_format() -> None:
    """Quotes, backslashes and line ends in a label are escaped (the format's own rule)."""
    made = Metric(name="m", kind="gauge", about="x", samples=[({"a": 'q"\\\n'}, 1.5)])
    assert list(made.lines())[-1] == 'm{a="q\\"\\\\\\n"} 1.5'


@pytest.mark.usefixtures("asked")
def test_before_the_first_generation_there_is_nothing_to_name(enrolled: Box) -> None:
    """Without an active generation no interface is ours."""
    assert metrics.wireguard(enrolled.machine, None)[0].samples == []
    here = generations.load(enrolled.machine, Recipe().generation)
    assert len(metrics.wireguard(enrolled.machine, here)[0].samples) == 2
