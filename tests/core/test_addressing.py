"""Addresses follow from ids alone."""

import copy
import ipaddress
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from backplane import addressing, keys
from backplane.declaration import parse
from backplane.plan import Plan, plan
from tests.core import example

ULA = "fd12:3456:789a::/48"


def test_addresses_read_as_the_spec_says() -> None:
    """Site 1, node 2 on management: 10.201.1.2, and plane and site in the ULA's fourth hextet."""
    at = addressing.address(network=200, ula=ULA, index=1, site=1, member=2)
    assert at == addressing.Address(v4="10.201.1.2", v6="fd12:3456:789a:101::2")


@given(
    network=st.integers(0, addressing.MAX_NETWORK),
    ids=st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 255), st.integers(1, 254)),
        min_size=2,
        max_size=2,
        unique=True,
    ),
)
def test_different_ids_never_share_an_address(
    network: int, ids: list[tuple[int, int, int]]
) -> None:
    """Other plane, site or member: other addresses in both families, each inside its network."""
    one, two = (
        addressing.address(network=network, ula=ULA, index=plane, site=site, member=member)
        for plane, site, member in ids
    )
    assert one.v4 != two.v4
    assert one.v6 != two.v6
    plane = ids[0][0]
    own4 = ipaddress.ip_network(addressing.supernet4(network, plane))
    own6 = ipaddress.ip_network(addressing.supernet6(ULA, plane))
    assert ipaddress.ip_address(one.v4) in own4
    assert ipaddress.ip_address(one.v6) in own6
    assert not own4.overlaps(addressing.LINKS4)
    if ids[1][0] != plane:
        assert ipaddress.ip_address(two.v4) not in own4
        assert ipaddress.ip_address(two.v6) not in own6


def test_a_derived_ula_belongs_to_project_and_stack() -> None:
    """It is a /48 inside fd00::/8, always the same, and another for another stack or project."""
    one = addressing.derived_ula("backplane", "lab")
    net = ipaddress.IPv6Network(one)
    assert net.prefixlen == 48
    assert net.subnet_of(addressing.ULA_SPACE)
    assert one == addressing.derived_ula("backplane", "lab")
    assert one != addressing.derived_ula("backplane", "prod")
    assert one != addressing.derived_ula("other", "lab")


def test_a_written_ula_outlives_a_rename() -> None:
    """With `ula:` written, another stack name moves nothing; without it, it does."""
    written = example.raw()
    free = {key: value for key, value in written.items() if key != "ula"}
    assert _facts(_plan(written, stack="a")) == _facts(_plan(written, stack="b"))
    assert _facts(_plan(free, stack="a")) != _facts(_plan(free, stack="b"))


def _plan(raw: dict[str, Any], *, stack: str = "lab") -> Plan:
    return plan(parse(raw), project="backplane", stack=stack)


def _facts(mesh: Plan) -> dict[str, object]:
    """What must never move: key, addresses and ports of everybody."""
    ports = tuple(plane.port for plane in mesh.planes)
    return {
        member.name: (member.key, tuple(sorted(member.addresses.items(), key=str)), ports)
        for member in mesh.everyone
    }


@settings(max_examples=60)
@given(
    drop=st.integers(0, 39),
    shuffle=st.randoms(use_true_random=False),
    suffix=st.sampled_from(["", "-new"]),
)
def test_dropping_or_reordering_a_node_moves_nobody_else(
    drop: int, shuffle: random.Random, suffix: str
) -> None:
    """Everybody else keeps address, port and key, whoever goes and in whatever order they stand."""
    raw = example.grown(40)
    before = _facts(_plan(raw))
    after = copy.deepcopy(raw)
    gone = sorted(name for name in before if name.startswith("node-"))[drop]
    for name, site in list(after["sites"].items()):
        entries = [entry for entry in site["nodes"].items() if entry[0] != gone]
        shuffle.shuffle(entries)
        site["nodes"] = dict(entries)
        after["sites"][f"{name}{suffix}"] = after["sites"].pop(name)
    sites = list(after["sites"].items())
    shuffle.shuffle(sites)
    after["sites"] = dict(sites)
    kept = {name: fact for name, fact in before.items() if name != gone}
    assert _facts(_plan(after)) == kept


def test_a_changed_id_does_move_its_node_and_nobody_else() -> None:
    """The negative: another id is another address and another key, of that node alone."""
    raw = example.raw()
    before = _facts(_plan(raw))
    raw["sites"]["fsn"]["nodes"]["fsn-a"]["id"] = 9
    after = _facts(_plan(raw))
    assert [name for name in before if before[name] != after[name]] == ["fsn-a"]


def test_key_material_follows_the_stable_key_not_the_name() -> None:
    """A PSK is the same whatever the peers are called, and another for other ids."""
    root = example.seed("root")
    first = keys.psk(root, addressing.peer_key(1, 1), addressing.peer_key(1, 2), slot="storage")
    assert first == keys.psk(root, "1.2", "1.1", slot="storage")
    assert first != keys.psk(root, "1.1", "1.3", slot="storage")
