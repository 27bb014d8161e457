"""Drift on a machine in memory: each kind found, named in words, put right by a flip in place."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node import changes, checks, drift, drift_sshd, firewall, generations, verbs
from node.difference import lines
from node.fixed import RESOLVED
from node.layout import FIREWALL_UNIT, SSH_UNIT
from tests.node.model import Box
from tests.node.recipe import key
from tests.node.steps import OLD, armed

B = key("peer b wg1")


@pytest.fixture(autouse=True)
def _programs(enrolled: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the machine in memory has no programs for: sockets, failed units, sshd's own reading."""
    monkeypatch.setattr("node.facts.listeners", lambda _: [])
    monkeypatch.setattr("node.facts.failed_units", lambda _: [])
    monkeypatch.setattr("node.drift_sshd.settings", lambda *_: [])
    enrolled.machine.commands.run(["systemctl", "enable", "wg-quick@wg0", "wg-quick@wg1"])


def findings(box: Box) -> list[tuple[str, str, str, str]]:
    """What is found: area, what, declared, live."""
    told = drift.drift(box.machine, {})["findings"]
    return [(one["area"], one["what"], one["declared"], one["live"]) for one in told]


def repair(box: Box) -> list[str]:
    """A rollout to where the machine stands; returns what its flip touched."""
    about = armed(box, OLD)
    touched: list[str] = verbs.flip(box.machine, about)["touched"]
    verbs.confirm(box.machine, about)
    verbs.release(box.machine, {"id": "x"})
    return touched


def _peer(box: Box, **changed: Any) -> None:  # noqa: ANN401 - any field of a peer
    link = box.kernel.links["wg1"]
    peers = {**link.peers, B: replace(link.peers[B], **changed)}
    box.kernel.links["wg1"] = replace(link, peers=peers)


def _link(box: Box, **changed: Any) -> None:  # noqa: ANN401 - any field of an interface
    box.kernel.links["wg1"] = replace(box.kernel.links["wg1"], **changed)


def _without_b(box: Box) -> None:
    link = box.kernel.links["wg1"]
    _link(box, peers={k: peer for k, peer in link.peers.items() if k != B})


def _stranger(box: Box) -> None:
    link = box.kernel.links["wg1"]
    other = replace(link.peers[B], public=key("x"), allowed=frozenset({"10.201.9.9/32"}))
    _link(box, peers={**link.peers, key("x"): other})


def _rewrite(path: str, text: str) -> Callable[[Box], None]:
    def harm(box: Box) -> None:
        box.layout.at(path).unlink(missing_ok=True)
        box.layout.at(path).write_text(text, encoding="ascii")

    return harm


def _unit(name: str, **state: str) -> Callable[[Box], None]:
    def harm(box: Box) -> None:
        box.kernel.units[name] = state

    return harm


_DROPIN = "/etc/systemd/system/wg-quick@.service.d/backplane.conf"
_WG1 = "/etc/wireguard/wg1.conf"
ENDPOINT = "198.51.100.200:51821"

Harm = Callable[[Box], object]
HARMS: dict[str, tuple[Harm, str, str]] = {
    "psk": (lambda b: _peer(b, psk=key("x")), "wireguard", "wg1: peer b, PSK"),
    "no psk": (lambda b: _peer(b, psk=None), "wireguard", "wg1: peer b, PSK"),
    "endpoint": (lambda b: _peer(b, endpoint=ENDPOINT), "wireguard", "wg1: peer b, endpoint"),
    "allowed": (
        lambda b: _peer(b, allowed=frozenset({"10.0.0.0/8"})),
        "wireguard",
        "wg1: peer b, allowed IPs",
    ),
    "keepalive": (lambda b: _peer(b, keepalive=0), "wireguard", "wg1: peer b, keepalive"),
    "missing": (_without_b, "wireguard", "wg1: peer b"),
    "stranger": (_stranger, "wireguard", f"wg1: peer {key('x')[:8]}…"),
    "own key": (lambda b: _link(b, private=key("x")), "wireguard", "wg1: own key"),
    "port": (lambda b: _link(b, port=9), "wireguard", "wg1: listen port"),
    "mtu": (lambda b: _link(b, mtu=1300), "wireguard", "wg1: MTU"),
    "address": (
        lambda b: _link(b, addresses=b.kernel.links["wg1"].addresses | {"10.9.9.9/32"}),
        "wireguard",
        "wg1: address 10.9.9.9/32",
    ),
    "gone": (lambda b: b.kernel.links.pop("wg1"), "wireguard", "wg1: interface"),
    "route": (
        lambda b: b.kernel.routes.append({"dst": "10.201.7.0/24", "protocol": "boot"}),
        "routes",
        "route 10.201.7.0/24",
    ),
    "setting": (
        lambda b: (b.layout.settings / "net/ipv4/ip_nonlocal_bind").write_text("0\n"),
        "sysctl",
        "net.ipv4.ip_nonlocal_bind",
    ),
    "table": (lambda b: setattr(b.kernel, "firewall", "\tchain input {\n"), "firewall", "table"),
    "link": (_rewrite(_WG1, "[Interface]\n"), "files", _WG1),
    "drop-in": (_rewrite(_DROPIN, "[Unit]\n"), "files", _DROPIN),
    "mode": (lambda b: b.layout.at(_DROPIN).chmod(0o666), "files", _DROPIN),
    "directory": (lambda b: b.layout.wireguard.chmod(0o777), "files", "/etc/wireguard"),
    "names": (_rewrite("/etc/hosts", "127.0.0.1 localhost\n"), "files", "/etc/hosts"),
    "not started": (_unit(FIREWALL_UNIT, ActiveState="inactive"), "units", FIREWALL_UNIT),
    "disabled": (_unit(SSH_UNIT, UnitFileState="disabled"), "units", SSH_UNIT),
    "loose file": (
        lambda b: b.layout.confirmed.joinpath("wireguard/wg1.conf").chmod(0o644),
        "generation",
        "wireguard/wg1.conf of generation",
    ),
    "lease": (
        lambda b: b.layout.lease.write_text(json.dumps({"id": "y", "expires": 1})),
        "rollout",
        "lease",
    ),
}


def test_an_undisturbed_machine_has_no_drift(enrolled: Box) -> None:
    """Nothing is found after enrollment, and looking touches nothing."""
    enrolled.kernel.log.clear()
    assert findings(enrolled) == []
    assert enrolled.kernel.touched() == []


@pytest.mark.parametrize("name", HARMS)
def test_drift_is_found_named_and_put_right_in_place(enrolled: Box, name: str) -> None:
    """Each harm is found under its name without a key in it; one flip in place, and it is gone."""
    harm, area, what = HARMS[name]
    harm(enrolled)
    found = findings(enrolled)
    named = [one for one in found if one[0] == area and what in one[1]]
    assert named, found
    assert not [secret for secret in (key("x"), key("psk b wg1 False")) if secret in str(found)]
    repair(enrolled)
    # What a program of the machine in memory does not do by itself.
    enrolled.kernel.units.clear()
    assert findings(enrolled) == []
    assert repair(enrolled) == []


def test_a_flip_in_place_touches_what_differs_alone(enrolled: Box) -> None:
    """One wrong keepalive is one `wg set`; the firewall, sshd and all others are left alone."""
    _peer(enrolled, keepalive=0)
    assert repair(enrolled) == ["wg1: peer b"]
    assert [argv[:5] for argv in enrolled.kernel.touched() if argv[0] == "wg"] == [
        ["wg", "set", "wg1", "peer", B]
    ]


def test_a_roamed_endpoint_is_drift_only_where_it_was_declared(enrolled: Box) -> None:
    """The runner calls from anywhere, and a peer may answer by its other family."""
    link = enrolled.kernel.links["wg1"]
    runner = key("peer runner wg1")
    roamed = replace(link.peers[runner], endpoint="203.0.113.9:4000")
    other = replace(link.peers[B], endpoint="[2001:db8::9]:51821")
    _link(enrolled, peers={**link.peers, runner: roamed, B: other})
    assert findings(enrolled) == []
    assert repair(enrolled) == []
    wanted = generations.load(enrolled.machine, OLD.generation).wireguard()["wg1"].peers[B]
    assert changes.is_astray(replace(wanted, endpoint=ENDPOINT), wanted)
    assert not changes.is_astray(other, wanted)


def test_what_the_check_takes_for_not_live(enrolled: Box) -> None:
    """A foreign rule counts as not live; a disabled unit says nothing of what is live now."""
    generation = generations.load(enrolled.machine, OLD.generation)
    enrolled.kernel.units[SSH_UNIT] = {"UnitFileState": "disabled"}
    assert checks.reasons_not_live(enrolled.machine, generation) == []
    enrolled.kernel.firewall = "table inet backplane {\n\tchain input {\n\t\taccept\n\t}\n}\n"
    assert checks.reasons_not_live(enrolled.machine, generation) == ["firewall is not as declared"]


def test_a_damaged_file_is_named_and_not_compared_with(enrolled: Box) -> None:
    """Content that is lost needs a push; the live side is not called wrong because of it."""
    file = enrolled.layout.generation(OLD.generation) / "wireguard/wg1.conf"
    file.write_text("[Interface]\n", encoding="ascii")
    told = drift.drift(enrolled.machine, {})["findings"]
    assert [(one["area"], one["repair"]) for one in told] == [("generation", "pulumi up")]
    assert "wireguard/wg1.conf" in told[0]["what"]


def test_a_machine_without_a_generation_says_so(enrolled: Box) -> None:
    """No confirmed generation is one finding for a person, not an error."""
    enrolled.layout.confirmed.unlink()
    (only,) = drift.drift(enrolled.machine, {})["findings"]
    assert (only["area"], only["repair"]) == ("generation", "by hand")


def test_an_order_of_its_own_inside_a_set_is_no_drift() -> None:
    """Listings are the same whatever order the kernel gives elements; a rule's place counts."""
    listing = "table inet t {\n\tset s {\n\t\telements = { %s }\n\t}\n}\n"
    one = listing % "10.0.0.2, 10.0.0.1,\n\t\t\t10.0.0.3"
    two = listing % "10.0.0.3, 10.0.0.1, 10.0.0.2"
    assert firewall.normal(one) == firewall.normal(two)
    assert firewall.blocks(firewall.normal(one)) == {
        "set s": ["element 10.0.0.1", "element 10.0.0.2", "element 10.0.0.3"]
    }
    assert lines(["a", "b"], ["b", "a"]) == ("a\nb", "b\na")
    assert lines(["a", "b"], ["b", "c"]) == ("a", "c")


def test_listening_sockets_are_read_from_the_kernel(enrolled: Box) -> None:
    """Addresses of both families in the machine's byte order; connections are none."""
    folder = enrolled.layout.at("/proc/net")
    folder.mkdir(parents=True)
    head = "  sl  local_address rem_address   st\n"
    (folder / "tcp").write_text(
        f"{head}   0: 0101C90A:0016 00000000:0000 0A\n   1: 0101C90A:0016 0201C90A:9999 01\n"
    )
    (folder / "tcp6").write_text(
        f"{head}   0: 0000005BFD000000:0016 0 0A\n".replace(
            "0000005BFD000000", "000000FD000000000000000001000000"
        )
    )
    found = drift_sshd.heard(enrolled.machine)
    assert found is not None
    assert {("10.201.1.1", 22), ("fd00::1", 22)} == found


def test_owner_counts_like_mode(enrolled: Box) -> None:
    """A managed file that somebody else owns is drift, and is root's again after a flip."""
    if os.geteuid() != 0:
        assert findings(enrolled) == []
        return
    os.chown(enrolled.layout.at(_DROPIN), 12345, 12345)
    (only,) = findings(enrolled)
    assert only[3] == "mode 0644, owner 12345:12345"
    repair(enrolled)
    assert findings(enrolled) == []


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (RESOLVED, ["--no-block", "try-restart", "systemd-resolved.service"]),
        (f"/etc/systemd/system/{FIREWALL_UNIT}", ["daemon-reload"]),
        ("/etc/tmpfiles.d/backplane.conf", None),
    ],
)
def test_who_reads_a_file_reads_it_again(enrolled: Box, path: str, words: list[str] | None) -> None:
    """A repaired file is read by its daemon, and by no other."""
    enrolled.layout.at(path).unlink()
    assert [what for _, what, _, _ in findings(enrolled)] == [str(enrolled.layout.at(path))]
    enrolled.kernel.log.clear()
    repair(enrolled)
    told = [argv[1:] for argv in enrolled.kernel.log if argv[0] == "systemctl"]
    for one in (["--no-block", "try-restart", "systemd-resolved.service"], ["daemon-reload"]):
        assert (one in told) == (one == words)
    assert findings(enrolled) == []
