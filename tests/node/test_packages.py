"""Packages of roles on a machine in memory: first of all, shut, and nothing unsafe asked for."""

from dataclasses import replace
from typing import Any

import pytest

from node import bundle, enroll, generations, packages, questions, sources, staging, verbs
from tests.node.model import Box
from tests.node.recipe import AHEAD, Recipe, encode
from tests.node.steps import OLD, armed, refusal

SIGHT = replace(OLD, roles={"sight": "one\n"})
BOTH = replace(OLD, roles={"dust": "d\n", "sight": "one\n"})
UNIT = "backplane-sight.service"


def test_packages_come_first_and_are_shut_before_they_are_there(enrolled: Box) -> None:
    """What is missing is installed while nothing is staged yet; its own unit can never start."""
    seen: list[tuple[bool, bool]] = []

    def look() -> None:
        if enrolled.kernel.log and "install" in enrolled.kernel.log[-1]:
            names = ("sight.service", "sight@.service")
            shut = all(packages.is_shut(enrolled.machine, unit) for unit in names)
            seen.append((shut, enrolled.layout.generation(SIGHT.generation).exists()))

    enrolled.kernel.before_each = look
    staging.stage(enrolled.machine, SIGHT.encode())
    assert enrolled.kernel.packages == {"sight", "libsight"}
    assert seen
    assert set(seen[:1]) == {(True, False)}
    assert enrolled.kernel.daemons == {}


def test_what_packages_must_find_is_there_before_them(enrolled: Box) -> None:
    """Word for word, beside somebody's own files, and again when it was changed by hand."""
    path = enrolled.layout.at(AHEAD)
    own = path.with_name("own.conf")
    own.parent.mkdir(parents=True)
    own.write_text("own\n", encoding="ascii")
    seen: list[str] = []

    def look() -> None:
        if "install" in enrolled.kernel.log[-1]:
            seen.append(path.read_text(encoding="ascii"))

    enrolled.kernel.before_each = look
    enrolled.kernel.log.append([])
    staging.stage(enrolled.machine, SIGHT.encode())
    assert set(seen) == {"sight\n"}
    assert path.stat().st_mode & 0o777 == 0o644
    path.write_text("other\n", encoding="ascii")
    staging.stage(enrolled.machine, SIGHT.encode())
    assert path.read_text(encoding="ascii") == "sight\n"
    assert own.read_text(encoding="ascii") == "own\n"


def test_what_is_installed_is_not_installed_again(enrolled: Box) -> None:
    """A second bundle asks only what is there; one with a further role installs just that."""
    staging.stage(enrolled.machine, SIGHT.encode())
    enrolled.kernel.log.clear()
    staging.stage(enrolled.machine, SIGHT.encode())
    assert not [argv for argv in enrolled.kernel.log if argv[0] == "env"]
    staging.stage(enrolled.machine, BOTH.encode())
    (asked,) = [argv for argv in enrolled.kernel.log if "install" in argv]
    assert asked[asked.index("install") + 1 :] == ["dust", "libdust"]


@pytest.mark.parametrize("step", ["update", "install"])
def test_a_failed_install_stages_nothing(enrolled: Box, step: str) -> None:
    """The refusal names the packages and apt's words; generations and links are as before."""
    before = sorted(enrolled.layout.generations.iterdir())
    enrolled.kernel.refuse = lambda argv: "E: no such mirror" if step in argv else None
    said = refusal(staging.stage, enrolled.machine, SIGHT.encode())
    assert "libsight, sight cannot be installed" in said
    assert "no such mirror" in said
    assert sorted(enrolled.layout.generations.iterdir()) == before
    assert questions.status(enrolled.machine, {})["staged"] is None


def test_an_install_that_was_cut_short_is_gone_on_with(enrolled: Box) -> None:
    """After a power cut in the middle of dpkg the next stage needs nobody's hand."""
    enrolled.kernel.halfway = True
    staging.stage(enrolled.machine, SIGHT.encode())
    assert enrolled.kernel.packages == {"sight", "libsight"}


def test_an_install_that_installs_nothing_is_no_success(enrolled: Box) -> None:
    """Whatever apt's exit code says, a package that is not there is not there."""
    enrolled.kernel.hollow = True
    said = refusal(staging.stage, enrolled.machine, SIGHT.encode())
    assert "cannot be installed" in said


def test_an_instance_that_runs_is_not_taken_over(enrolled: Box) -> None:
    """A unit of a template that is to be shut is somebody's daemon: named, and all left alone."""
    enrolled.kernel.units["sight@main.service"] = {"ActiveState": "active"}
    assert "sight@.service is in use" in refusal(staging.stage, enrolled.machine, SIGHT.encode())
    assert not packages.is_shut(enrolled.machine, "sight.service")
    assert not enrolled.layout.at(AHEAD).exists()
    assert enrolled.kernel.packages == set()


def test_a_template_that_is_open_again_is_shut(enrolled: Box) -> None:
    """The link is back, and every instance is told to stop."""
    staging.stage(enrolled.machine, SIGHT.encode())
    enrolled.layout.at("/etc/systemd/system/sight@.service").unlink()
    packages.shut_again(enrolled.machine, "sight@.service")
    assert packages.is_shut(enrolled.machine, "sight@.service")
    assert enrolled.kernel.log[-1] == ["systemctl", "--no-block", "stop", "sight@*.service"]


@pytest.mark.parametrize("kind", ["running", "own unit file"])
def test_what_is_in_somebodys_use_is_not_taken_over(enrolled: Box, kind: str) -> None:
    """A daemon that runs already, or a unit that somebody wrote, is named and left alone."""
    if kind == "running":
        enrolled.kernel.units["sight.service"] = {"ActiveState": "active"}
    else:
        path = enrolled.layout.at("/etc/systemd/system/sight.service")
        path.write_text("[Service]\n", encoding="ascii")
        enrolled.kernel.units["sight.service"] = {"ActiveState": "inactive"}
    said = refusal(staging.stage, enrolled.machine, SIGHT.encode())
    assert "sight.service is in use" in said
    assert not packages.is_shut(enrolled.machine, "sight.service")
    assert enrolled.kernel.packages == set()


def test_another_apt_is_waited_for(enrolled: Box) -> None:
    """It has the lists, for which apt does not wait by itself: seconds later all goes on."""
    enrolled.kernel.taken = 3
    before = enrolled.clock.time
    staging.stage(enrolled.machine, SIGHT.encode())
    assert enrolled.kernel.packages == {"sight", "libsight"}
    assert 0 < enrolled.clock.time - before < 60
    enrolled.kernel.packages.clear()
    enrolled.kernel.taken = 1000
    assert "lists/lock" in refusal(staging.stage, enrolled.machine, SIGHT.encode())


def _other(**changed: Any) -> dict[str, Any]:  # noqa: ANN401 - any part of a role
    """A bundle whose role says something else, with a file for every unit that it names."""
    document = SIGHT.document()
    document["roles"] = {"sight": {**document["roles"]["sight"], **changed}}
    units = [
        {"path": f"units/{name}", "mode": "0644", "text": "x"}
        for name in sorted({*changed.get("units", [])} - {UNIT})
    ]
    document["files"] = sorted([*document["files"], *units], key=lambda entry: entry["path"])
    return document


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (_other(units=[UNIT, "ssh.service"]), "units of its role sight name 'ssh.service'"),
        (_other(units=[UNIT, "backplane-nft.service"]), "which is taken"),
        (_other(units=[UNIT, "backplane-rollback-x.timer"]), "which is taken"),
        (_other(units=[UNIT, UNIT]), "which is taken"),
        (_other(units=[]), "its units and those that its roles name differ"),
        (_other(packages=["-o=Pre-Invoke::=id"]), "packages of its role sight name"),
        (_other(packages=["a b"]), "packages of its role sight name"),
        (_other(shut=["../../shadow.service"]), "shut of its role sight name"),
        (_other(ahead={"/etc/passwd": "x"}), "ahead of its role sight name '/etc/passwd'"),
        (_other(ahead={"/etc/sight/../x.d/backplane.conf": "x"}), "ahead of its role sight name"),
        (_other(ahead={AHEAD: 1}), "has the wrong shape"),
        (_other(ahead=[AHEAD]), "has the wrong shape"),
        (_other(more=1), "has the wrong shape"),
        ({**SIGHT.document(), "roles": []}, "no mapping"),
        (
            {**SIGHT.document(), "roles": {"../x": SIGHT.document()["roles"]["sight"]}},
            "has the wrong shape",
        ),
    ],
)
def test_roles_that_ask_for_something_unsafe_are_refused(
    document: dict[str, Any], why: str
) -> None:
    """Whatever stands in a bundle, it starts no unit but a role's, and gives apt no option."""
    assert why in refusal(bundle.decode, encode(document))


def test_a_machine_that_is_not_enrolled_installs_nothing(newborn: Box) -> None:
    """Its first boot has its own packages; a role's come with the first bundle after enrollment."""
    assert "not enrolled" in refusal(staging.stage, newborn.machine, SIGHT.encode())
    assert newborn.kernel.packages == set()
    enroll.enroll(newborn.machine, Recipe().encode())
    assert generations.load(newborn.machine, Recipe().generation).roles == {}


def test_arming_needs_no_package_manager(enrolled: Box) -> None:
    """What a rollout does after staging never waits for apt."""
    about = armed(enrolled, SIGHT)
    verbs.flip(enrolled.machine, about)
    verbs.confirm(enrolled.machine, about)
    assert not [argv for argv in enrolled.kernel.log if argv[0] in {"env", "dpkg-query"}]


def _ensure(box: Box, *names: str) -> list[str]:
    return packages.ensure(box.machine, names, shut=(), ahead={}, others={})


LINES = """\
deb [signed-by=/k.gpg] https://deb.example.org/debian bookworm main
deb https://deb.example.org/debian bookworm-updates main contrib
deb https://other.example.org/tools stable main
# deb https://deb.example.org/debian bookworm-backports main
"""
STANZAS = """\
Types: deb
URIs: https://deb.example.org/debian
Suites: trixie trixie-updates
Components: main non-free-firmware
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 -----END PGP PUBLIC KEY BLOCK-----

Types: deb
URIs: https://other.example.org/tools
Suites: stable
Components: main
"""


def _sources(box: Box) -> None:
    folder = box.layout.at("/etc/apt/sources.list.d")
    folder.mkdir(parents=True)
    (folder.parent / "sources.list").write_text(LINES, encoding="utf-8")
    (folder / "debian.sources").write_text(STANZAS, encoding="utf-8")


def test_contrib_is_added_where_a_package_is_not_in_main(enrolled: Box) -> None:
    """Each of Debian's own entries once more, with its options and key, and no other's."""
    _sources(enrolled)
    enrolled.kernel.beyond = {"zfs"}
    assert _ensure(enrolled, "zfs") == ["zfs"]
    added = {form: enrolled.layout.at(at).read_text() for form, at in sources.FILES.items()}
    assert added[".list"] == (
        "deb [signed-by=/k.gpg] https://deb.example.org/debian bookworm contrib\n"
    )
    first = STANZAS.partition("\n\n")[0]
    assert added[".sources"] == first.replace("main non-free-firmware", "contrib") + "\n\n"
    words = [line[-1] for line in enrolled.kernel.log if line[0] == "env"]
    assert words[-3:] == ["update", "update", "zfs"]


def test_what_is_in_main_adds_nothing(enrolled: Box) -> None:
    """Nor does a package that nobody has."""
    _sources(enrolled)
    _ensure(enrolled, "plain")
    assert not any(enrolled.layout.at(at).exists() for at in sources.FILES.values())


def test_entries_that_apt_does_not_take_are_taken_back(enrolled: Box) -> None:
    """Else every later use of apt would fail, updates among them."""
    _sources(enrolled)
    enrolled.kernel.beyond, enrolled.kernel.taken = {"zfs"}, 1000
    enrolled.kernel.before_each = lambda: None
    seen: list[bool] = []

    def look() -> None:
        there = any(enrolled.layout.at(at).exists() for at in sources.FILES.values())
        seen.append(there)
        # The first update goes through, the one with contrib does not.
        enrolled.kernel.taken = 1000 if there else 0

    enrolled.kernel.before_each = look
    refusal(_ensure, enrolled, "zfs")
    assert True in seen
    assert not any(enrolled.layout.at(at).exists() for at in sources.FILES.values())


@pytest.mark.parametrize("container", [True, False])
def test_a_module_is_built_with_the_running_kernels_headers(
    enrolled: Box, *, container: bool
) -> None:
    """And with those of every later one; a container has another's kernel, and builds nothing."""
    enrolled.kernel.container = container
    _ensure(enrolled, "zfs-dkms")
    release = {"linux-headers-6.1.0-25-cloud-amd64", "linux-headers-cloud-amd64"}
    assert enrolled.kernel.packages == {"zfs-dkms"} | (set() if container else release)
    # A kernel that came since has none yet.
    enrolled.kernel.packages -= {"linux-headers-6.1.0-25-cloud-amd64"}
    _ensure(enrolled, "zfs-dkms")
    assert enrolled.kernel.packages == {"zfs-dkms"} | (set() if container else release)


def test_a_mirror_that_does_not_answer_is_asked_again(enrolled: Box) -> None:
    """Twice more, some seconds apart; then its words are told."""
    enrolled.kernel.deaf = 2
    assert _ensure(enrolled, "plain") == ["plain"]
    enrolled.kernel.packages.clear()
    enrolled.kernel.deaf = 3
    assert "connection timed out" in refusal(_ensure, enrolled, "plain")
    assert enrolled.kernel.deaf == 0
