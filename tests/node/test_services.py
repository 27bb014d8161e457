"""Roles on a machine in memory: packages first, units with their generation, undone with it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from node import bundle, drift, enroll, generations, packages, questions, staging, verbs
from node.errors import Refused
from tests.node.model import Box, booted
from tests.node.recipe import Recipe, encode
from tests.node.steps import OLD, armed, flipped, refusal

SIGHT = replace(OLD, roles={"sight": "one\n"})
BOTH = replace(OLD, roles={"dust": "d\n", "sight": "one\n"})
UNIT = "backplane-sight.service"


def _confirmed(box: Box, new: Recipe) -> None:
    about, _ = flipped(box, new)
    verbs.confirm(box.machine, about)
    verbs.release(box.machine, {"id": "x"})
    box.kernel.log.clear()


def _runs(box: Box) -> set[str]:
    return set(box.kernel.daemons)


def test_packages_come_first_and_are_shut_before_they_are_there(enrolled: Box) -> None:
    """What is missing is installed while nothing is staged yet; its own unit can never start."""
    seen: list[tuple[bool, bool]] = []

    def look() -> None:
        if enrolled.kernel.log and "install" in enrolled.kernel.log[-1]:
            shut = packages.is_shut(enrolled.machine, "sight.service")
            seen.append((shut, enrolled.layout.generation(SIGHT.generation).exists()))

    enrolled.kernel.before_each = look
    staging.stage(enrolled.machine, SIGHT.encode())
    assert enrolled.kernel.packages == {"sight", "libsight"}
    assert seen
    assert set(seen[:1]) == {(True, False)}
    assert _runs(enrolled) == set()


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


def test_files_that_a_roles_program_refuses_are_not_staged(enrolled: Box) -> None:
    """The role's own check judges the files where they lie; no trace of a bad one stays."""
    before = sorted(enrolled.layout.generations.iterdir())
    wrong = replace(OLD, roles={"sight": "wrong\n"})
    said = refusal(staging.stage, enrolled.machine, wrong.encode())
    assert "sight-check refuses the role sight" in said
    assert sorted(enrolled.layout.generations.iterdir()) == before


def test_units_start_with_their_generation_behind_everything_else(enrolled: Box) -> None:
    """Read anew after the link has moved, then started; a timer's service waits for its timer."""
    _, told = flipped(enrolled, BOTH)
    assert told["touched"][0] == "active"
    assert told["touched"][-4:] == [
        "units",
        "backplane-dust.service: anew",
        "backplane-dust.timer: anew",
        f"{UNIT}: anew",
    ]
    assert _runs(enrolled) == {"backplane-dust.timer", UNIT}


def test_only_what_changed_is_started_anew(enrolled: Box) -> None:
    """A change elsewhere touches no unit; a role's new file restarts that role's unit alone."""
    _confirmed(enrolled, BOTH)
    about, told = flipped(enrolled, replace(BOTH, extra="other"))
    assert not [what for what in told["touched"] if "unit" in what or ".service" in what]
    verbs.confirm(enrolled.machine, about)
    verbs.release(enrolled.machine, {"id": "x"})
    two = replace(BOTH, extra="other", roles={**BOTH.roles, "sight": "two\n"})
    _, told = flipped(enrolled, two)
    assert [what for what in told["touched"] if "anew" in what] == [f"{UNIT}: anew"]
    assert enrolled.kernel.daemons[UNIT].endswith("two\n")


def test_a_role_that_goes_ends_its_units(enrolled: Box) -> None:
    """Its units stop and are known no more; the other role's go on untouched."""
    _confirmed(enrolled, BOTH)
    _, told = flipped(enrolled, SIGHT)
    assert f"{UNIT}: anew" not in told["touched"]
    assert _runs(enrolled) == {UNIT}
    assert set(enrolled.kernel.known) == {UNIT}


@pytest.mark.parametrize(("before", "after"), [(OLD, SIGHT), (SIGHT, BOTH), (BOTH, OLD)])
def test_an_undo_restores_what_ran(enrolled: Box, before: Recipe, after: Recipe) -> None:
    """Whatever a generation started or ended, its rollback puts back, with the old files."""
    if before is not OLD:
        _confirmed(enrolled, before)
    ran = dict(enrolled.kernel.daemons)
    about, _ = flipped(enrolled, after)
    assert enrolled.kernel.daemons != ran
    verbs.rollback(enrolled.machine, about)
    assert enrolled.kernel.daemons == ran


def test_boot_runs_what_is_confirmed(enrolled: Box) -> None:
    """An unconfirmed role is gone after a power cut; a confirmed one runs without a touch."""
    _confirmed(enrolled, SIGHT)
    flipped(enrolled, BOTH)
    again = booted(enrolled.layout.root)
    again.kernel.packages = set(enrolled.kernel.packages)
    assert _runs(again) == {UNIT}
    for unit in ("wg-quick@wg0", "wg-quick@wg1"):
        assert (again.layout.boot_units / f"{unit}.service").is_symlink()
    verbs.take_lease(again.machine, {"id": "y", "seconds": 60})
    again.kernel.log.clear()
    about = {"lease": "y", "generation": SIGHT.generation}
    verbs.arm(again.machine, {**about, "seconds": 60})
    # Boot's link leads to the generation by way of `confirmed`, a flip's straight there.
    assert verbs.flip(again.machine, about)["touched"] == ["active"]


def test_a_unit_that_does_not_come_up_fails_the_check(enrolled: Box) -> None:
    """It is named with systemd's word for it, after the time that it was given."""
    about, _ = flipped(enrolled, SIGHT)
    assert _check(enrolled, about)["ok"]
    del enrolled.kernel.daemons[UNIT]
    told = _check(enrolled, about)
    assert (told["ok"], told["reasons"]) == (False, [f"{UNIT} does not run (failed, exit-code)"])


def test_what_did_not_run_before_keeps_no_change_back(enrolled: Box) -> None:
    """A unit that the change leaves as it was is not the change's to answer for."""
    _confirmed(enrolled, SIGHT)
    about, _ = flipped(enrolled, replace(SIGHT, extra="other"))
    del enrolled.kernel.daemons[UNIT]
    assert _check(enrolled, about)["ok"]


def _check(box: Box, about: dict[str, Any]) -> dict[str, Any]:
    request = {"generation": about["generation"], "peers": [], "seconds": 2.0}
    return questions.check(box.machine, request)


@pytest.fixture
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.facts.listeners", lambda _: [])
    monkeypatch.setattr("node.facts.failed_units", lambda _: [])
    monkeypatch.setattr("node.drift_sshd.settings", lambda *_: [])


def _stop(box: Box) -> None:
    del box.kernel.daemons[UNIT]


def _open(box: Box) -> None:
    box.layout.at("/etc/systemd/system/sight.service").unlink()


def _purge(box: Box) -> None:
    box.kernel.packages.discard("sight")


def _untrue(box: Box) -> None:
    box.layout.at("/etc/systemd/system-generators/backplane").write_text("x", encoding="ascii")


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize(
    ("harm", "what", "mended"),
    [
        (_stop, UNIT, True),
        (_open, "sight.service", True),
        (_purge, "sight", False),
        (_untrue, "/etc/systemd/system-generators/backplane", True),
    ],
)
def test_drift_of_roles_is_found_and_repaired(
    enrolled: Box, harm: Callable[[Box], None], what: str, *, mended: bool
) -> None:
    """A stopped unit, one that was opened again, a package that is gone, another generator."""
    _confirmed(enrolled, SIGHT)
    assert drift.drift(enrolled.machine, {})["findings"] == []
    harm(enrolled)
    (found,) = drift.drift(enrolled.machine, {})["findings"]
    assert found["what"].endswith(what)
    assert (found["repair"] == "rollout") == mended
    verbs.take_lease(enrolled.machine, {"id": "y", "seconds": 60})
    about = {"lease": "y", "generation": SIGHT.generation}
    verbs.arm(enrolled.machine, {**about, "seconds": 60})
    verbs.flip(enrolled.machine, about)
    verbs.confirm(enrolled.machine, about)
    verbs.release(enrolled.machine, {"id": "y"})
    assert (drift.drift(enrolled.machine, {})["findings"] == []) == mended


def _other(**changed: object) -> dict[str, Any]:
    document = SIGHT.document()
    document["roles"] = {"sight": {**document["roles"]["sight"], **changed}}
    return document


@pytest.mark.parametrize(
    "document",
    [
        _other(units=["ssh.service"]),
        _other(units=["backplane-nft.service"]),
        _other(units=["backplane-rollback-x.timer"]),
        _other(units=[]),
        _other(units=["backplane-sight.service"] * 2),
        _other(packages=["-o=APT::Update::Pre-Invoke::=id"]),
        _other(packages=["a b"]),
        _other(shut=["../../shadow.service"]),
        _other(more=1),
        {**SIGHT.document(), "roles": []},
        {**SIGHT.document(), "roles": {"../x": SIGHT.document()["roles"]["sight"]}},
    ],
)
def test_roles_that_ask_for_something_unsafe_are_refused(document: dict[str, Any]) -> None:
    """Whatever stands in a bundle, it starts no unit but a role's, and gives apt no option."""
    with pytest.raises(Refused):
        bundle.decode(encode(document))


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
