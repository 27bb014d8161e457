"""Traffic classes: on interfaces that lead outside, over nobody else's, gone without a trace."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from backplane.declaration import parse
from backplane.plan import plan
from backplane.roles import traffic as role
from node import identity, traffic
from node.commands import Result
from node.errors import Refused
from tests.core import example, golden, tools
from tests.node.model import Box

WANTED = {"kbit": 47_500, "classes": [[90, [51821]], [10, []]]}


@dataclass(slots=True, kw_only=True)
class World:
    """What `ip` and `tc` tell and do here.

    Attributes:
        routes: interfaces of the default routes by family; what is asked for takes the first of a
            list of them that is left.
        roots: the handle at each interface's root.
        batches: what each interface was given.
        refuses: what a batch must hold for the kernel to refuse it.
        lost: lines that somebody took away since.
    """

    routes: dict[str, list[list[str]]] = field(default_factory=lambda: {"-4": [["eth0"]]})
    roots: dict[str, str] = field(default_factory=lambda: {"eth0": "0:", "eth1": "0:"})
    batches: list[str] = field(default_factory=list)
    refuses: str = "nothing"
    lost: int = 0

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float = 30) -> Result:
        """Be `ip` or `tc`."""
        assert timeout
        out, code = "", 0
        if argv[0] == "ip":
            left = self.routes.get(argv[2], [[]])
            names = left.pop(0) if len(left) > 1 else left[0]
            out = json.dumps([{"dst": "default", "dev": name} for name in names])
        elif argv[:3] == ["tc", "-json", "qdisc"]:
            name = argv[-1]
            child = {"kind": "fq", "handle": "8001:", "parent": "5182:1"}
            out = json.dumps([child, {"kind": "x", "handle": self.roots[name], "root": True}])
        elif argv[:3] == ["tc", "qdisc", "del"]:
            assert self.roots[argv[4]] == "5182:"
            self.roots[argv[4]] = "0:"
        elif argv == ["tc", "-batch", "-"]:
            if "root" in stdin:
                self.roots[stdin.split()[3]] = "5182:"
            code = int(self.refuses in stdin)
            self.batches.append(stdin)
        elif argv[2] == "show":
            shown = {
                "class": "class htb 5182:1 root",
                "filter": "filter parent 5182: flowid 5182:1",
            }
            number = {"class": 3, "filter": 2}[argv[1]]
            there = self.roots[argv[-1]] == "5182:"
            out = f"{shown[argv[1]]}\n" * (number - self.lost) if there else ""
            out += "class fq_codel 8001: parent 5182:1\n"
        return Result(code=code, out=out, err="RTNETLINK answers: refused\n" if code else "")


@pytest.fixture
def world(enrolled: Box, monkeypatch: pytest.MonkeyPatch) -> World:
    """A machine with one way outside, and the role's file."""
    made = World()
    monkeypatch.setattr(enrolled.machine.commands, "run", made.run)
    path = enrolled.layout.active / traffic.FILE
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(WANTED), encoding="ascii")
    return made


def test_each_interface_outside_gets_its_classes_once(enrolled: Box, world: World) -> None:
    """Those of both families, no tunnel; a second time they are changed where they are."""
    world.routes = {"-4": [["eth0", "wg1"]], "-6": [["eth1"]]}
    for begins in ("qdisc add dev {} root", "filter del dev {} parent 5182:"):
        world.batches.clear()
        assert traffic.shape(enrolled.machine, {}) == {"interfaces": ["eth0", "eth1"]}
        given = [one for one in world.batches if "filter" in one]
        for name, text in zip(("eth0", "eth1"), given, strict=True):
            assert text.startswith(begins.replace("{}", name))
            rest = text.splitlines()[1:]
            assert rest == traffic.batch(WANTED, name)[1:]
    assert traffic.unshape(enrolled.machine, {}) == {"interfaces": []}
    (enrolled.layout.active / traffic.FILE).unlink()
    assert traffic.unshape(enrolled.machine, {}) == {"interfaces": ["eth0", "eth1"]}
    assert traffic.unshape(enrolled.machine, {}) == {"interfaces": []}
    assert set(world.roots.values()) == {"0:"}


def test_a_way_outside_that_comes_late_is_waited_for(enrolled: Box, world: World) -> None:
    """DHCP may take its time; without any the machine says so."""
    world.routes = {"-4": [[], [], ["eth0"]]}
    assert traffic.shape(enrolled.machine, {}) == {"interfaces": ["eth0"]}
    world.routes = {"-4": [[]]}
    with pytest.raises(Refused, match="no default route"):
        traffic.shape(enrolled.machine, {})


def test_classes_of_somebody_else_stay(enrolled: Box, world: World) -> None:
    """They are named, neither made anew nor taken away."""
    world.roots["eth0"] = "1:"
    with pytest.raises(Refused, match="somebody else") as told:
        traffic.shape(enrolled.machine, {})
    assert "classes: false" in told.value.fix
    (enrolled.layout.active / traffic.FILE).unlink()
    assert traffic.unshape(enrolled.machine, {}) == {"interfaces": []}
    assert world.batches == []
    assert world.roots["eth0"] == "1:"


def test_a_kernel_that_refuses_leaves_nothing_half_made(enrolled: Box, world: World) -> None:
    """What a failed batch has made goes again; one without fq_codel does without."""
    world.refuses = "htb"
    with pytest.raises(Refused, match="kernel refuses traffic classes"):
        traffic.shape(enrolled.machine, {})
    assert world.roots["eth0"] == "0:"
    world.refuses = "fq_codel"
    assert traffic.shape(enrolled.machine, {}) == {"interfaces": ["eth0"]}
    assert world.roots["eth0"] == "5182:"
    assert world.batches[-1].startswith("qdisc replace dev eth0 parent 5182:1 fq_codel\n")


def test_what_was_taken_away_is_found_and_put_back(enrolled: Box, world: World) -> None:
    """Classes, filters, or all of it; nothing on a machine that has them all, or none declared."""
    here = identity.confirmed(enrolled.machine)
    file = here.file(traffic.FILE)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(WANTED), encoding="ascii")
    traffic.shape(enrolled.machine, {})
    assert list(traffic.differences(enrolled.machine, here)) == []
    for lost, roots in ((1, "5182:"), (0, "0:")):
        world.lost, world.roots["eth0"] = lost, roots
        (found,) = traffic.differences(enrolled.machine, here)
        assert (found.area, found.what) == ("traffic", "eth0: classes")
        assert found.declared == "3 classes, 2 filters"
        world.lost = 0
        assert found.mend is not None
        found.mend()
        assert list(traffic.differences(enrolled.machine, here)) == []
    file.unlink()
    assert list(traffic.differences(enrolled.machine, here)) == []
    assert traffic.shape(enrolled.machine, {}) == {"interfaces": []}


ROLES = {
    "50": {"uplink": 50},
    "unlimited": {},
    "slow": {"uplink": 1},
    "fast": {"uplink": 100_000},
}


def _declared(settings: dict[str, int]) -> dict[str, Any]:
    mesh = plan(parse({**example.raw(), "traffic": settings}), project="x", stack="y")
    told: dict[str, Any] = json.loads(role.classes(mesh, mesh.node("fsn-a")))
    return told


@pytest.mark.parametrize("name", ["50", "unlimited"])
def test_the_lines_read_as_looked_at(name: str) -> None:
    """What a role's file becomes."""
    text = "".join(f"{line}\n" for line in traffic.batch(_declared(ROLES[name]), "eth0"))
    golden.compare(f"traffic/{name}.tc", text)


@pytest.mark.parametrize("name", ROLES)
def test_the_kernel_takes_them(name: str) -> None:
    """tc(8) makes all classes and filters, on an interface of a network namespace of its own."""
    tc = tools.need("tc")
    link = "ip link add d0 type veth peer name d1 && ip link set d0 up && "
    script = f"{link}{tc} -batch - && {tc} class show dev d0 && {tc} filter show dev d0"
    done = subprocess.run(
        [tools.need("unshare"), "--user", "--map-root-user", "--net", "sh", "-ec", script],
        input="".join(f"{line}\n" for line in traffic.batch(_declared(ROLES[name]), "d0")),
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("class htb 5182:") == 5
    assert done.stdout.count("flowid 5182:") == 8
