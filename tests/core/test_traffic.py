"""Traffic classes follow from the planes and from what a node's line carries."""

from __future__ import annotations

import re
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backplane.declaration import parse
from backplane.plan import Plan, plan
from backplane.roles import Parts, traffic
from tests.core import example, golden, tools

_RATE = re.compile(r"classid 5182:(\w) htb rate (\d+)kbit ceil (\d+)kbit burst (\d+)")
_FILTER = re.compile(r"protocol (ipv?6?) .* sport (\d+) 0xffff flowid 5182:(\d)")


def _mesh(**settings: int | bool) -> Plan:
    raw = {**example.raw(), "traffic": settings}
    return plan(parse(raw), project="x", stack="y")


def _parts(mesh: Plan, name: str = "fsn-a") -> Parts:
    assert traffic.ROLE.parts is not None
    return traffic.ROLE.parts(mesh, mesh.node(name))


def test_the_classes_read_as_looked_at() -> None:
    """At 50 Mbit/s, and without a declared line."""
    golden.compare("traffic/50.tc", _parts(_mesh(uplink=50)).files["classes.tc"])
    golden.compare("traffic/unlimited.tc", _parts(_mesh()).files["classes.tc"])


@given(uplink=st.integers(min_value=1, max_value=100_000), own=st.booleans())
def test_no_class_has_more_than_the_line_and_none_starves(uplink: int, own: bool) -> None:  # noqa: FBT001
    """Shares add up to the line less its headroom; what a node says of itself goes first."""
    raw = {**example.raw(), "traffic": {"uplink": 1 if own else uplink}}
    if own:
        raw["sites"]["fsn"]["nodes"]["fsn-a"]["uplink"] = uplink
    mesh = plan(parse(raw), project="x", stack="y")
    rates = {
        name: tuple(map(int, numbers))
        for name, *numbers in _RATE.findall(_parts(mesh).files["classes.tc"])
    }
    assert set(rates) == {"f", "1", "2", "3", "4"}
    line = rates.pop("f")[0]
    assert line == round(uplink * 950)
    assert all(0 < rate <= ceiling == line for rate, ceiling, _ in rates.values())
    assert abs(sum(rate for rate, _, _ in rates.values()) - line) <= 2
    assert rates["1"] > rates["2"] >= rates["4"]


def test_each_plane_in_use_is_told_by_its_port_over_both_families() -> None:
    """Enrollment and management first, monitoring, all else, storage last."""
    found = set(_FILTER.findall(_parts(_mesh()).files["classes.tc"]))
    assert found == {
        (family, port, number)
        for family in ("ip", "ipv6")
        for port, number in (("51820", "1"), ("51821", "1"), ("51822", "2"), ("51823", "4"))
    }
    raw = {**example.raw(), "planes": {"storage": {"use": False}}}
    text = _parts(plan(parse(raw), project="x", stack="y")).files["classes.tc"]
    assert "51823" not in text
    assert "classid 5182:4" in text


def test_switched_off_a_node_gets_nothing() -> None:
    """No file and no unit: what runs is ended, and the interface is the kernel's own again."""
    assert _parts(_mesh(classes=False)) == Parts()


@pytest.mark.parametrize("settings", [{}, {"uplink": 1}, {"uplink": 100_000}])
def test_the_kernel_takes_them(settings: dict[str, int]) -> None:
    """tc(8) makes all classes and filters, on an interface of a network namespace of its own."""
    tc, text = tools.need("tc"), _parts(_mesh(**settings)).files["classes.tc"]
    link = "ip link add d0 type veth peer name d1 && ip link set d0 up && "
    script = f"{link}{tc} -batch - && {tc} class show dev d0 && {tc} filter show dev d0"
    done = subprocess.run(
        [tools.need("unshare"), "--user", "--map-root-user", "--net", "sh", "-ec", script],
        input=text.replace("{}", "d0"),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("class htb 5182:") == 5
    assert done.stdout.count("flowid 5182:") == 8
