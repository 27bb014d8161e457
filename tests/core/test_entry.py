"""Entry nodes: one peer a site for people, and nothing handed on that nodes believe of a source."""

import re
from pathlib import Path
from typing import Any

import pytest

from backplane.check import checked_plan
from backplane.compare import compare
from backplane.pairing import fetching
from backplane.picture import picture
from backplane.plan import Plan
from backplane.render import operator, sshd, sysctl
from tests.core import example, tools
from tests.core.rulesets import chain, ruleset

MADE = example.material()


def _raw(*entry: str, routed: bool = False) -> dict[str, Any]:
    raw = example.routed() if routed else example.raw()
    raw["sites"]["fsn"]["entry"] = list(entry)
    return raw


def _plan(*entry: str, routed: bool = False) -> Plan:
    return checked_plan(_raw(*entry, routed=routed), project="backplane", stack="lab")


def _files(plan: Plan, *, direct: bool = False) -> dict[str, str]:
    return operator.configs(
        plan, "alice", MADE.identities["alice"], MADE.cards, MADE.roots, direct=direct
    )


def _peers(text: str) -> dict[str, list[str]]:
    found = re.findall(r"^# (\S+)\n\[Peer\].*?^AllowedIPs = (.*?)$", text, re.MULTILINE | re.DOTALL)
    return {name: allowed.split(", ") for name, allowed in found}


def test_a_device_has_the_entry_for_the_whole_site_and_others_one_by_one() -> None:
    """The site's networks lie behind its entry; a site without one has each node as before."""
    peers = _peers(_files(_plan("fsn-b"))["lab-wg1.conf"])
    assert list(peers) == ["fsn-b", "hel-a", "hel-b"]
    near = ["10.201.1.0/24", "fd12:3456:789a:101::/64"]
    assert peers["fsn-b"] == ["10.201.1.2/32", "fd12:3456:789a:101::2/128", *near]
    assert peers["hel-a"] == ["10.201.2.1/32", "fd12:3456:789a:102::1/128"]


def test_of_two_entries_the_first_has_the_site() -> None:
    """The second one has its own addresses alone: WireGuard takes a network from one peer."""
    peers = _peers(_files(_plan("fsn-b", "fsn-a"))["lab-wg1.conf"])
    assert {name: len(allowed) for name, allowed in peers.items() if name.startswith("fsn")} == {
        "fsn-a": 2,
        "fsn-b": 4,
    }


def test_the_direct_way_stays() -> None:
    """Without entries, and with them where it is asked for, every node is a peer."""
    assert _files(_plan("fsn-b"), direct=True) == _files(_plan()) == _files(_plan(), direct=True)
    assert list(_peers(_files(_plan())["lab-wg1.conf"])) == ["fsn-a", "fsn-b", "hel-a", "hel-b"]


def test_a_node_more_makes_no_file_stale_behind_an_entry() -> None:
    """Where the site has an entry nobody needs a new file; where it has none everybody does."""
    cases: list[tuple[tuple[str, ...], list[str]]] = [(("fsn-a",), []), ((), ["alice"])]
    for entry, stale in cases:
        raw = _raw(*entry)
        before = picture(checked_plan(raw, project="backplane", stack="lab"))
        raw["sites"]["fsn"]["nodes"]["fsn-c"] = {"id": 3}
        after = picture(checked_plan(raw, project="backplane", stack="lab"))
        assert [*fetching(before, after)] == stale
    assert [*fetching(picture(_plan()), picture(_plan("fsn-a")))] == ["alice"]


def test_only_an_entry_hands_on_and_only_plane_to_plane() -> None:
    """From people to the site's nodes on the plane that they are on; no other node forwards."""
    plan = _plan("fsn-a")
    text = ruleset(plan, "fsn-a")
    forward = chain(text, "forward")
    ways = [line for line in forward if "entry_" in line]
    assert ways == [
        f'iifname "{name}" oifname "{name}" goto entry_{name}' for name in ("wg1", "wg2")
    ]
    held = [place for place, line in enumerate(forward) if "@held" in line]
    assert max(held) < forward.index(ways[0]), "who is held out is held out here too"
    near6 = "fd12:3456:789a:201::/64"
    assert chain(text, "entry_wg2") == [
        "ip saddr @wg2_people4 ip daddr 10.202.1.0/24 goto entry_wg2_open",
        "ip saddr 10.202.1.0/24 ip daddr @wg2_people4 ct state established,related accept",
        "ip6 saddr @wg2_people6 ip6 daddr fd12:3456:789a:201::/64 goto entry_wg2_open",
        f"ip6 saddr {near6} ip6 daddr @wg2_people6 ct state established,related accept",
        "drop",
    ]
    assert "10.202.255.1" in text.split("set wg2_people4")[1].split("\t}")[0]
    assert "net.ipv4.ip_forward = 1" in sysctl.config(plan.node("fsn-a"), hands_on=True)
    for other in ("fsn-b", "hel-a"):
        assert "entry" not in ruleset(plan, other)
    assert "entry" not in ruleset(_plan(), "fsn-a")


def test_it_speaks_in_its_own_name() -> None:
    """Each plane's people leave under the entry's address on that plane, in both families."""
    text = ruleset(_plan("fsn-a"), "fsn-a")
    assert chain(text, "entry_name") == [
        "type nat hook postrouting priority srcnat; policy accept;",
        'oifname "wg1" ip saddr @wg1_people4 snat ip to 10.201.1.1',
        'oifname "wg1" ip6 saddr @wg1_people6 snat ip6 to fd12:3456:789a:101::1',
        'oifname "wg2" ip saddr @wg2_people4 snat ip to 10.202.1.1',
        'oifname "wg2" ip6 saddr @wg2_people6 snat ip6 to fd12:3456:789a:201::1',
    ]


def test_nothing_passes_that_nodes_believe_of_a_source() -> None:
    """What the site's nodes open passes, but for gateways' words (5310) and segments (4789)."""
    raw = _raw("fsn-a", routed=True)
    raw["segments"] = {"lan": {"id": 1, "nodes": ["fsn-c", "hel-c"], "plane": "management"}}
    raw["sites"]["fsn"]["nodes"]["fsn-c"]["roles"] = ["dns"]
    plan = checked_plan(raw, project="backplane", stack="lab")
    open_there = {
        (one.proto, one.port) for one in plan.openings("fsn-c") if one.slot == "management"
    }
    assert {("udp", 4789), ("udp", 5310), ("udp", 53), ("tcp", 22)} <= open_there
    text = ruleset(plan, "fsn-a")
    passes = chain(text, "entry_wg1_open")
    assert "tcp dport { 22, 53, 5300 } accept" in passes
    assert "udp dport { 53, 5300 } accept" in passes
    assert passes[-1] == "drop"
    forward = chain(text, "forward")
    entry = next(place for place, line in enumerate(forward) if "entry_wg1" in line)
    inside = [place for place, line in enumerate(forward) if "oifname {" in line]
    assert entry < min(inside), "a gateway drops what goes from plane to plane"


@pytest.mark.parametrize("routed", [False, True])
def test_nft_takes_it(tmp_path: Path, *, routed: bool) -> None:
    """`nft -c` accepts an entry's ruleset, a gateway's that is one too."""
    tool = tools.need("nft")
    file = tmp_path / "rules.nft"
    file.write_text(ruleset(_plan("fsn-a", routed=routed), "fsn-a"))
    accepted, said = tools.accepts(tool, "-c", "-f", file)
    if "Operation not permitted" in said:
        pytest.skip("nft needs root to check")
    assert accepted, said


def test_a_key_that_comes_by_an_entry_is_let_in_on_the_others_of_the_site() -> None:
    """An operator's by the entry's addresses on their ways in; a runner's from its own alone."""
    plan = _plan("fsn-a")
    people = [(person, "ssh-ed25519 AAAA") for person in plan.people]

    def lines(*entries: str) -> dict[str, str]:
        text = sshd.authorized_keys(
            people, slots=plan.slots, entries=[plan.node(name) for name in entries]
        )
        return {line.rsplit(" ", 1)[1]: line.split('"')[1] for line in text.splitlines()}

    before, after = lines(), lines("fsn-a")
    assert after["runner"] == before["runner"]
    assert after["alice"] == f"{before['alice']},10.201.1.1,fd12:3456:789a:101::1"


def test_a_report_says_by_whom_people_come_in_and_up_to_when() -> None:
    """In words of its own, each; a site that has no entry any more is told of too."""
    before, after = picture(_plan()), picture(_plan("fsn-a"))
    assert compare(before, after).settings == (
        "people reach fsn by fsn-a, with direct files each node",
    )
    assert compare(after, before).settings == ("people reach each node of fsn for itself",)
    raw = _raw()
    raw["operators"]["alice"]["expires"] = "2027-03-31"
    ends = picture(checked_plan(raw, project="backplane", stack="lab"))
    assert compare(before, ends).people == {"alice": ("may come in up to 2027-03-31",)}
    assert compare(ends, before).people == {"alice": ("has no last day any more",)}
