"""The tool with the real wg, ip, nft and wireguard-go, between two network namespaces."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node import checks, facts, generations, verbs
from tests.node import pair as pairs
from tests.node.pair import EXTRA, HERE, OURS, Mesh, Pair, private_key, public_key
from tests.node.recipe import key

pytestmark = pytest.mark.lab
FIRST = Mesh()
GHOST = public_key(private_key("ghost")) if Path("/usr/bin/wg").exists() else ""


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """One pair for all tests of this file."""
    with pairs.made(tmp_path_factory.mktemp("pair")) as made:
        yield made


@pytest.fixture
def pair(lasting: Pair) -> Pair:
    """The pair, back at its first generation."""
    lasting.change(FIRST)
    lasting.commands.log.clear()
    return lasting


def test_one_changed_peer_is_all_that_is_touched(pair: Pair) -> None:
    """A new pre-shared key of one peer: wireguard-go is told of that peer only, no ping is lost."""
    before, told = pair.dump(), len(pair.told())
    with pairs.pinging() as counted:
        touched = pair.change(replace(FIRST, psk={**FIRST.psk, "ghost": key("other")}))
    assert touched == ["active", f"{OURS}: peer ghost"]
    after = pair.dump()
    assert after.pop(GHOST)[0] == key("other")
    assert before.pop(GHOST)[0] == key("g")
    assert after == before
    lines = pair.told()[told:]
    short = f"peer({GHOST[:4]}…{GHOST[39:43]})"
    assert lines
    assert all(short in line for line in lines), lines
    assert counted[0] >= 200
    assert counted[1] == 0


def test_an_equal_generation_is_not_felt(pair: Pair) -> None:
    """A rollout of what is live tells wireguard-go nothing, loads no firewall and loses no ping."""
    told = pair.told()
    with pairs.pinging() as counted:
        assert pair.change(FIRST) == []
    assert pair.told() == told
    assert ["nft", "--file"] not in [argv[:2] for argv in pair.commands.log]
    assert not [argv for argv in pair.commands.log if argv[:2] == ["wg", "set"]]
    assert counted[1] == 0


def test_a_pre_shared_key_is_removed(pair: Pair) -> None:
    """A peer that is declared without one has none any more (older syncconf left it in force)."""
    pair.change(replace(FIRST, psk={**FIRST.psk, "ghost": None}))
    assert pair.dump()[GHOST][0] == "(none)"
    assert pair.dump()[public_key(private_key("b"))][0] == key("b")


def test_peers_come_and_go_without_a_loss(pair: Pair) -> None:
    """A peer is added, prepared without prefixes first, and removed; others lose no ping."""
    new = public_key(private_key("new"))
    with pairs.pinging(6) as counted:
        touched = pair.change(replace(FIRST, psk={**FIRST.psk, "new": key("n")}))
        assert f"sessions: {OURS}: peer new" in touched
        assert pair.dump()[new][2] == "10.201.1.4/32,fd00:0:0:1::4/128"
        pair.change(FIRST)
        assert new not in pair.dump()
    assert counted[1] == 0


def test_address_mtu_and_firewall_change_apart(pair: Pair) -> None:
    """A second address, another MTU and another firewall touch no peer and lose no ping."""
    told = pair.told()
    with pairs.pinging() as counted:
        touched = pair.change(replace(FIRST, mtu=1380, second="10.201.9.9/16", note="else"))
    assert touched == [
        "active",
        "firewall",
        f"{OURS}: address add 10.201.9.9/16 dev {OURS}",
        f"{OURS}: link set dev {OURS} mtu 1380",
    ]
    assert pair.told() == told
    shown = pairs.run(HERE, "ip", "address", "show", "dev", OURS)
    assert "mtu 1380" in shown
    assert "10.201.9.9/16" in shown
    assert counted[1] == 0


def test_a_new_plane_comes_up_and_a_rollback_takes_it_down(pair: Pair) -> None:
    """A second interface comes up at the flip by wg-quick, and is gone after the rollback."""
    before = pair.dump()
    about = pair.flip(replace(FIRST, extra=True, psk={"b": key("b")}))
    assert f"{EXTRA}: up" in about["touched"]
    assert EXTRA in pairs.run(HERE, "wg", "show", "interfaces").split()
    assert GHOST not in pair.dump()
    verbs.rollback(pair.machine, {"lease": "x"})
    assert EXTRA not in pairs.run(HERE, "wg", "show", "interfaces").split()
    assert pair.dump() == before


def test_a_hand_made_change_is_seen_and_mended(pair: Pair) -> None:
    """A peer's key removed by hand is named by the check, and the next flip puts it back."""
    generation = generations.load(pair.machine, FIRST.generation)
    assert checks.reasons_not_live(pair.machine, generation) == []
    pairs.run(HERE, "wg", "set", OURS, "peer", GHOST, "preshared-key", "/dev/null")
    assert checks.reasons_not_live(pair.machine, generation) == [
        f"{OURS}: peer ghost is not as declared"
    ]
    assert pair.change(FIRST) == [f"{OURS}: peer ghost"]
    assert pair.dump()[GHOST][0] == key("g")


def test_live_facts_hold_no_secret(pair: Pair) -> None:
    """Facts name the peers, their prefixes and the age of a handshake, and hold no key of ours."""
    told = facts.wireguard(pair.machine)[OURS]
    peers = {peer["name"]: peer for peer in told["peers"]}
    assert set(peers) == {"b", "ghost"}
    assert peers["b"]["handshake_age"] < 180
    assert peers["ghost"]["handshake_age"] is None
    assert peers["b"]["psk"] is True
    assert (told["port"], told["mtu"]) == (pairs.PORT, 1420)
    text = json.dumps(told)
    assert not [secret for secret in (private_key("a"), key("b"), key("g")) if secret in text]


def test_a_probe_tells_open_refused_and_silent_apart(pair: Pair) -> None:
    """An open port, a shut and a dropped one; a peer that answers, and one that is not there."""
    pairs.run(
        pairs.THERE,
        "nft",
        "table inet t { chain i { type filter hook input priority 0; tcp dport 9 drop; }; }",
    )
    code = (
        "import socket; s = socket.create_server(('10.201.1.2', 7)); print('up', flush=True);"
        "[s.accept() for _ in range(9)]"
    )
    argv = ["ip", "netns", "exec", pairs.THERE, sys.executable, "-c", code]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            server.stdout.readline()
            request = {
                "pings": ["10.201.1.2", "fd00:0:0:1::2", "10.201.1.3"],
                "tcp": [["10.201.1.2", 7], ["10.201.1.2", 8], ["10.201.1.2", 9]],
                "timeout": 1,
            }
            done = subprocess.run(
                ["ip", "netns", "exec", HERE, sys.executable, "-m", "node", "probe"],
                input=json.dumps(request),
                capture_output=True,
                text=True,
                check=True,
                timeout=30,
            )
        finally:
            server.kill()
    del pair
    answer = json.loads(done.stdout)
    assert answer["tcp"] == [
        ["10.201.1.2", 7, "open"],
        ["10.201.1.2", 8, "refused"],
        ["10.201.1.2", 9, "silent"],
    ]
    assert {a for a, ms in answer["pings"].items() if ms is not None} == {
        "10.201.1.2",
        "fd00:0:0:1::2",
    }
