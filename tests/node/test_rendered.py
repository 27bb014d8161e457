"""What the core renders is what the node tool reads: bundles, first boot, and fixed paths."""

from pathlib import Path

import pytest
import yaml

from backplane import keys, roles
from backplane.render import bundle as rendered
from backplane.render import cloudinit, units
from node import bundle, enroll, fixed, generations, layout, staging, verbs
from node import roles as node_roles
from tests.core import example
from tests.node.model import Box, booted, born

MATERIAL = example.material()
PLAN = MATERIAL.plan
NAMES = [node.name for node in PLAN.nodes]


def whole(name: str) -> rendered.Bundle:
    """A node's bundle with all its peers."""
    return rendered.bundle(PLAN, name, MATERIAL.identities[name], MATERIAL.cards, MATERIAL.roots)


def first(name: str) -> rendered.Bundle:
    """A node's first lasting bundle."""
    runners = {person.name: MATERIAL.cards[person.name] for person in PLAN.people}
    return rendered.birth(PLAN, name, MATERIAL.identities[name], runners, MATERIAL.roots)


@pytest.mark.parametrize("make", [whole, first])
@pytest.mark.parametrize("name", NAMES)
def test_rendered_bundles_are_accepted(name: str, make: object) -> None:
    """The tool reads every node's bundles to the same name, files, modes and texts."""
    sent = whole(name) if make is whole else first(name)
    read = bundle.decode(sent.encode())
    assert (read.node, read.incarnation, read.generation) == (name, 1, sent.generation)
    files = {file.path: (f"{file.mode:04o}", file.data.decode()) for file in read.files}
    assert files == {path: (file.mode, file.text) for path, file in sent.files().items()}


def test_fixed_paths_are_the_same_on_both_sides() -> None:
    """First boot's links, state and active link are those that the tool knows."""
    here = layout.Layout()
    assert units.LINKS == layout.LINKS
    assert dict(fixed.FILES) == dict(units.FILES)
    assert fixed.FIRST_BOOT_UNIT == units.FIRST_BOOT
    assert str(here.state) == units.STATE
    assert str(here.active) == layout.ACTIVE == units.ACTIVE
    assert str(here.generation(layout.BIRTH)) == cloudinit.GENERATION
    assert f"L {here.active} - - - - {here.confirmed}\n" in units.FILES[units.TMPFILES]
    assert f"/{layout.SSH_UNIT}.d/" in " ".join(units.FILES)


@pytest.fixture
def newborn(tmp_path: Path) -> Box:
    """A machine after the first boot that the rendered user-data describes."""
    node = PLAN.nodes[0]
    text = cloudinit.user_data(
        PLAN,
        node.name,
        keys.bootstrap(example.seed("node", node.key), 1),
        MATERIAL.cards[PLAN.runner.name],
        "ssh-ed25519 AAAA",
    )
    box = born(tmp_path)
    for entry in yaml.safe_load(text)["write_files"]:
        if entry["path"].startswith(cloudinit.GENERATION):
            path = box.layout.at(entry["path"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(entry["content"], encoding="utf-8")
            path.chmod(int(entry["permissions"], 8))
    for setting in _settings(whole(node.name).files()["sysctl.conf"].text):
        path = box.layout.settings / setting.replace(".", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("0\n", encoding="ascii")
    return booted(tmp_path)


def _settings(text: str) -> list[str]:
    return [line.partition("=")[0].strip() for line in text.splitlines() if "=" in line]


def test_from_rendered_user_data_to_the_rendered_mesh(newborn: Box) -> None:
    """A machine born from user-data enrolls, and takes the whole mesh in one rollout."""
    machine, name = newborn.machine, NAMES[0]
    assert set(newborn.kernel.links) == {"wg0"}
    birth = first(name)
    assert enroll.enroll(machine, birth.encode()) == {"enrolled": birth.generation}
    enroll.finish(machine, {})
    assert set(newborn.kernel.links) == {"wg0", "wg1"}
    mesh = whole(name)
    assert staging.stage(machine, mesh.encode()) == {"staged": mesh.generation}
    about = {"lease": "x", "generation": mesh.generation}
    verbs.take_lease(machine, {"id": "x", "seconds": 600})
    verbs.arm(machine, {**about, "seconds": 120})
    verbs.prepare(machine, about)
    verbs.flip(machine, about)
    verbs.confirm(machine, about)
    assert set(newborn.kernel.links) == {"wg0", "wg1", "wg2", "wg3"}
    newborn.kernel.boot()
    assert newborn.confirmed() == mesh.generation
    assert newborn.kernel.links == generations.load(machine, mesh.generation).wireguard()
    assert len(newborn.kernel.links["wg1"].peers) == len(NAMES) - 1 + len(PLAN.people)


def test_where_routes_lie_starts_their_daemon_anew_only_with_its_own_text(tmp_path: Path) -> None:
    """The unit that the core renders says so in the words that the tool reads."""
    made = example.material(example.routed())
    routes = roles.ROLES["routes"].parts
    assert routes is not None
    parts = routes(made.plan, made.plan.node("fsn-a"))
    unit = "backplane-routes.service"

    def digest(file: str, text: str) -> str:
        files = {f"roles/routes/{name}": file for name in parts.files}
        for path, content in {**files, f"units/{unit}": text}.items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_text(content, encoding="utf-8")
        told = {"routes": {"units": [unit]}}
        here = generations.Generation(
            name="0", path=tmp_path, node="fsn-a", incarnation=1, interfaces={}, mesh={}, roles=told
        )
        return node_roles.services(here)[unit].digest

    assert digest("one", parts.units[unit]) == digest("two", parts.units[unit])
    assert digest("one", parts.units[unit]) != digest("one", parts.units[unit] + "#\n")
