"""wg-quick files: what stands in them, and that wg-quick takes them."""

from pathlib import Path

import pytest

from backplane.render import bundle, operator
from backplane.render.wireguard import endpoint
from tests.core import example, golden, tools

MADE = example.material()


def _texts(node: str, *, filled: bool = True) -> dict[str, str]:
    one = bundle.bundle(MADE.plan, node, MADE.identities[node], MADE.cards, MADE.roots)
    files = (
        {path: file.text for path, file in one.files().items()}
        if filled
        else {entry["path"]: entry["text"] for entry in one.document["files"]}
    )
    return {path: text for path, text in files.items() if path.startswith("wireguard/")}


def _sections(text: str) -> dict[str, dict[str, str]]:
    """The [Peer] sections by the name in the comment before each."""
    found: dict[str, dict[str, str]] = {}
    for part in text.split("\n\n")[1:]:
        comment, kind, *lines = part.strip().splitlines()
        assert kind == "[Peer]"
        found[comment.removeprefix("# ")] = dict(line.split(" = ", 1) for line in lines)
    return found


@pytest.mark.parametrize("interface", ["wg0", "wg1", "wg2", "wg3"])
def test_a_nodes_files_read_as_looked_at(interface: str) -> None:
    """Each file of fsn-a equals its golden one, keys shown as placeholders."""
    text = _texts("fsn-a", filled=False)[f"wireguard/{interface}.conf"]
    golden.compare(f"fsn-a/{interface}.conf", text)


def test_wg_quick_takes_every_file(tmp_path: Path) -> None:
    """`wg-quick strip` reads each file of each node and keeps every peer."""
    tool = tools.need("wg-quick")
    for node in MADE.plan.nodes:
        for path, text in _texts(node.name).items():
            file = tmp_path / Path(path).name
            file.touch(mode=0o600)
            file.write_text(text)
            accepted, said = tools.accepts(tool, "strip", file)
            assert accepted, said
            assert said.count("[Peer]") == text.count("[Peer]") > 0
            stripped = [line for line in said.splitlines() if line]
            kept = ("Address", "MTU")
            assert stripped == [
                line for line in text.splitlines() if line and not line.startswith(kept)
            ]


def test_sections_are_in_the_order_of_wg_showconf() -> None:
    """Interface: port, then key; peer: key, PSK, AllowedIPs, Endpoint, keepalive (showconf.c)."""
    text = _texts("fsn-a")["wireguard/wg1.conf"]
    head = [line.split(" = ")[0] for line in text.split("\n\n")[0].splitlines()[2:]]
    assert head == ["Address", "Address", "MTU", "ListenPort", "PrivateKey"]
    assert list(_sections(text)["fsn-b"]) == [
        "PublicKey", "PresharedKey", "AllowedIPs", "Endpoint", "PersistentKeepalive"
    ]  # fmt: skip


def test_nodes_are_dialled_and_people_are_not() -> None:
    """A node has an endpoint and keepalive 25; a person behind whatever NAT has neither."""
    peers = _sections(_texts("fsn-a")["wireguard/wg1.conf"])
    assert list(peers) == ["alice", "fsn-b", "hel-a", "hel-b", "runner"]
    for name in ("fsn-b", "hel-a", "hel-b"):
        assert peers[name]["PersistentKeepalive"] == "25"
        assert peers[name]["Endpoint"].endswith(":51821")
    for name in ("alice", "runner"):
        assert not {"Endpoint", "PersistentKeepalive"} & set(peers[name])


def test_a_peer_may_send_from_its_own_two_addresses_only() -> None:
    """AllowedIPs are a /32 and a /128, different for every peer."""
    for text in _texts("fsn-a").values():
        allowed = [peer["AllowedIPs"] for peer in _sections(text).values()]
        assert len(set(allowed)) == len(allowed)
        for both in allowed:
            four, six = both.split(", ")
            assert four.endswith("/32")
            assert six.endswith("/128")


def test_addresses_carry_the_planes_prefix_and_an_mtu_stands_there() -> None:
    """The interface has /16 and /56, so peers change no route; the MTU is always explicit."""
    head = _texts("hel-b")["wireguard/wg3.conf"].split("\n\n")[0].splitlines()
    assert "Address = 10.203.2.2/16" in head
    assert "Address = fd12:3456:789a:302::2/56" in head
    assert "MTU = 1420" in head


def test_nothing_that_fails_or_runs_commands() -> None:
    """No DNS (needs resolvconf), no hooks, no fwmark tables."""
    for node in MADE.plan.nodes:
        for text in _texts(node.name).values():
            for word in ("DNS", "PreUp", "PostUp", "PreDown", "PostDown", "Table", "SaveConfig"):
                assert f"{word} =" not in text


def test_an_ipv6_endpoint_has_brackets_and_an_ipv4_one_has_not() -> None:
    """hel-a is dialled by IPv6, hel-b by IPv4."""
    peers = _sections(_texts("fsn-a")["wireguard/wg2.conf"])
    assert peers["hel-a"]["Endpoint"] == "[2001:db8:1:19::1]:51822"
    assert peers["hel-b"]["Endpoint"] == "198.51.100.20:51822"
    assert endpoint("2001:db8::1", 1) == "[2001:db8::1]:1"


def test_both_ends_of_a_pair_hold_the_same_psk_and_each_others_key() -> None:
    """For every pair on every plane; and no two pairs share a PSK."""
    seen: set[str] = set()
    texts = {node.name: _texts(node.name) for node in MADE.plan.nodes}
    for interface in ("wg0", "wg1", "wg2", "wg3"):
        for one in texts:
            for two, section in _sections(texts[one][f"wireguard/{interface}.conf"]).items():
                if two not in texts or two < one:
                    continue
                back = _sections(texts[two][f"wireguard/{interface}.conf"])[one]
                assert back["PresharedKey"] == section["PresharedKey"]
                assert back["PublicKey"] != section["PublicKey"]
                assert section["PresharedKey"] not in seen
                seen.add(section["PresharedKey"])
    assert len(seen) == 24


def test_an_operators_files_are_theirs(tmp_path: Path) -> None:
    """Alice gets wg1 and wg2, named after the stack, that wg-quick takes; nodes are her peers."""
    made = operator.configs(MADE.plan, "alice", MADE.identities["alice"], MADE.cards, MADE.roots)
    assert sorted(made) == ["lab-wg1.conf", "lab-wg2.conf"]
    for name, text in made.items():
        file = tmp_path / name
        file.touch(mode=0o600)
        file.write_text(text)
        accepted, said = tools.accepts(tools.need("wg-quick"), "strip", file)
        assert accepted, said
        assert "ListenPort" not in text
        assert list(_sections(text)) == ["fsn-a", "fsn-b", "hel-a", "hel-b"]
        assert all(peer["PersistentKeepalive"] == "25" for peer in _sections(text).values())
    mine = _sections(made["lab-wg1.conf"])["fsn-a"]
    theirs = _sections(_texts("fsn-a")["wireguard/wg1.conf"])["alice"]
    assert mine["PresharedKey"] == theirs["PresharedKey"]


def test_a_brought_key_leaves_room_for_its_private_half() -> None:
    """On a plane where Alice brings her own key the file shows no key of the stack's."""
    raw = example.raw()
    own = MADE.cards["alice"].wireguard["monitoring"]
    raw["operators"]["alice"]["public_keys"] = {"management": own}
    made = example.material(raw)
    texts = operator.configs(made.plan, "alice", made.identities["alice"], made.cards, made.roots)
    assert "\nPrivateKey" not in texts["lab-wg1.conf"]
    assert "# PrivateKey" in texts["lab-wg1.conf"]
    assert "\nPrivateKey" in texts["lab-wg2.conf"]


def test_interface_names_carry_the_stack_and_fit() -> None:
    """At most 15 characters; long stack names stay apart by a hash."""
    assert operator.interface_name("lab", "wg0") == "lab-wg0"
    long = [operator.interface_name(f"customer-environment-{n}", "wg1") for n in range(50)]
    assert len(set(long)) == 50
    assert all(len(name) <= 15 and name.endswith("-wg1") for name in long)
