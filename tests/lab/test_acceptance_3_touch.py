"""A change touches what differs and nothing else; no change touches nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

import pytest

from backplane import keys
from tests.lab.flow import Flow
from tests.lab.mesh import Declaration, Mesh
from tests.lab.touched import Setting, Touched, short, talkative, watching

PAIR = ("fsn-a", "hel-a")
PERSON = "10.201.255.1/32"
"""What alice's device has on the management plane; on the monitoring plane she has another key."""


@pytest.fixture(scope="module")
def loud(mesh: Mesh) -> Iterator[Mesh]:
    """The mesh with two nodes whose WireGuard tells all that is set."""
    with talkative(mesh.lab, PAIR):
        assert mesh.verify()["ok"] is True
        yield mesh
    assert mesh.verify()["ok"] is True


def _of_alice(mesh: Mesh, name: str) -> str:
    """The public key that a node has for alice on the management plane."""
    shown = mesh.lab.exec(name, "wg show wg1 allowed-ips").splitlines()
    (line,) = (line for line in shown if PERSON in line)
    return line.split("\t")[0]


def _bring(public_keys: dict[str, str], mesh: Declaration) -> None:
    mesh["operators"]["alice"]["public_keys"] = public_keys


def test_one_peer_changed_is_all_that_is_touched(loud: Mesh) -> None:
    """Alice brings a key of her own on one plane: on each node that peer changes, nothing else.

    The UAPI log names her old and her new key on wg1 only, and each thing is set once; no nft
    event, no reload, no restart; nobody's packet is lost. So it is when she takes it back.
    """
    own = keys.public_key(keys.Secret(keys.clamp(os.urandom(32))))
    flow = Flow(loud.lab, PAIR)
    for public_keys in ({"management": own}, {}):
        before = _of_alice(loud, PAIR[0])
        loud.declare(partial(_bring, public_keys))
        with watching(loud.lab, PAIR) as seen, flow.running():
            loud.must("up", "--yes", "--skip-preview")
        after = _of_alice(loud, PAIR[0])
        assert after != before
        old, new = short(before), short(after)
        for name, touched in seen.items():
            assert touched.wireguard == [
                Setting(interface="wg1", peer=new, what="Created"),
                Setting(interface="wg1", peer=new, what="Updating preshared key"),
                Setting(interface="wg1", peer=new, what="Removing all allowedips"),
                Setting(interface="wg1", peer=new, what="Adding allowedip"),
                Setting(interface="wg1", peer=new, what="Adding allowedip"),
                Setting(interface="wg1", peer=old, what="Removing"),
            ], name
            assert touched.nft == [], name
            assert touched.daemons == [], name
            (active,) = (line for line in touched.tool if line.startswith("active "))
            assert active.partition(": ")[2] == (
                f"active, wg1: peer alice, wg1: peer {before[:8]}… (old)"
            )
        assert flow.lost() == {}, flow.told()


def test_no_change_touches_nothing(loud: Mesh) -> None:
    """A second `up` of the same declaration: no resource, no setting, no event, no packet."""
    flow = Flow(loud.lab, PAIR)
    with watching(loud.lab, PAIR) as seen, flow.running():
        up = loud.must("up", "--yes", "--skip-preview")
    assert set(up.counts) == {"unchanged"}
    for name, touched in seen.items():
        assert touched.wireguard == [], name
        assert touched.nft == [], name
        assert touched.daemons == [], name
        assert touched.tool == [], name
    assert flow.lost() == {}, flow.told()


def test_what_is_touched_is_seen(loud: Mesh) -> None:
    """The eyes themselves: a keepalive, a rule and a reload made by hand are all told."""
    node = loud.lab.on(PAIR[0])
    peer = node.succeed("wg show wg2 peers").split()[0]
    keepalive = node.succeed(f"wg show wg2 persistent-keepalive | grep {peer}").split()[1]
    with watching(loud.lab, PAIR) as seen:
        node.succeed(f"wg set wg2 peer {peer} persistent-keepalive 24")
        node.succeed(f"wg set wg2 peer {peer} persistent-keepalive {keepalive}")
        node.succeed("nft add table inet by_hand && nft delete table inet by_hand")
        node.succeed("systemctl reload ssh")
    touched = seen[PAIR[0]]
    assert touched.peers == {("wg2", short(peer))}
    assert len(touched.wireguard) == 2
    assert touched.nft == ["add table inet by_hand", "delete table inet by_hand"]
    assert any("Reload" in line for line in touched.daemons)
    assert seen[PAIR[1]] == Touched()
