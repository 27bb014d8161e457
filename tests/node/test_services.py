"""Roles on a machine in memory: packages first, units with their generation, undone with it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from node import drift, questions, staging, verbs
from tests.node.model import Box, booted
from tests.node.recipe import Recipe
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


def test_a_unit_that_reads_its_file_by_itself_is_not_started_anew_for_it(enrolled: Box) -> None:
    """Its own text says so, of that file alone: a new secret, or a new text, starts it anew."""
    reads = replace(SIGHT, hidden={"sight": "old"}, rereads=frozenset({"sight"}))
    _confirmed(enrolled, reads)
    two = replace(reads, roles={"sight": "two\n"})
    about, told = flipped(enrolled, two)
    assert not [what for what in told["touched"] if "anew" in what]
    assert _check(enrolled, about)["ok"]
    verbs.confirm(enrolled.machine, about)
    verbs.release(enrolled.machine, {"id": "x"})
    secret = replace(two, hidden={"sight": "new"})
    about, told = flipped(enrolled, secret)
    assert [what for what in told["touched"] if "anew" in what] == [f"{UNIT}: anew"]
    verbs.confirm(enrolled.machine, about)
    verbs.release(enrolled.machine, {"id": "x"})
    _, told = flipped(enrolled, replace(secret, rereads=frozenset()))
    assert [what for what in told["touched"] if "anew" in what] == [f"{UNIT}: anew"]


def test_a_new_secret_starts_its_roles_unit_anew(enrolled: Box) -> None:
    """It lies with the generation's other secrets, root's alone, and is the unit's all the same."""
    _confirmed(enrolled, replace(BOTH, hidden={"sight": "old"}))
    lies = enrolled.layout.active / "secrets/sight/it.key"
    assert (lies.read_text(encoding="ascii"), lies.stat().st_mode & 0o777) == ("old", 0o600)
    _, told = flipped(enrolled, replace(BOTH, hidden={"sight": "new"}))
    assert [what for what in told["touched"] if "anew" in what] == [f"{UNIT}: anew"]


def test_a_check_finds_the_secrets_of_its_role(enrolled: Box) -> None:
    """Where they lie in the generation that is being staged."""
    both = replace(SIGHT, hidden={"sight": "wrong\n"})
    said = refusal(staging.stage, enrolled.machine, both.encode())
    assert "sight-check refuses the role sight" in said


def test_a_role_that_goes_ends_its_units(enrolled: Box) -> None:
    """Its units stop and are known no more; the other role's go on untouched."""
    _confirmed(enrolled, BOTH)
    _, told = flipped(enrolled, SIGHT)
    assert f"{UNIT}: anew" not in told["touched"]
    assert _runs(enrolled) == {UNIT}
    assert set(enrolled.kernel.known) == {UNIT}


def test_a_role_with_a_timer_goes_without_a_word(enrolled: Box) -> None:
    """Its service does not run when it goes: that there is nothing to stop keeps nothing back."""
    _confirmed(enrolled, BOTH)
    about, told = flipped(enrolled, OLD)
    assert [what for what in told["touched"] if "ended" in what] == [
        "backplane-dust.timer: ended",
        "backplane-dust.service: ended",
        f"{UNIT}: ended",
    ]
    assert (_runs(enrolled), enrolled.kernel.known) == (set(), {})
    assert _check(enrolled, about)["ok"]


def test_a_masked_unit_runs_with_the_next_change_of_its_role(enrolled: Box) -> None:
    """What somebody has shut by hand is opened again, as other drift is put right by a flip."""
    _confirmed(enrolled, SIGHT)
    enrolled.kernel.daemons.clear()
    enrolled.layout.at(f"/etc/systemd/system/{UNIT}").symlink_to("/dev/null")
    about, _ = flipped(enrolled, replace(OLD, roles={"sight": "two\n"}))
    assert enrolled.kernel.daemons[UNIT].endswith("two\n")
    assert _check(enrolled, about)["ok"]


@pytest.mark.parametrize("new", [replace(SIGHT, extra="other"), BOTH])
def test_a_unit_that_never_starts_keeps_nothing_else_back(enrolled: Box, new: Recipe) -> None:
    """Systemd refuses it: changes of other things go through, and an undo comes to its end."""
    _confirmed(enrolled, SIGHT)
    enrolled.kernel.broken.add(UNIT)
    about, _ = flipped(enrolled, replace(OLD, roles={"sight": "two\n"}))
    assert not _check(enrolled, about)["ok"]
    verbs.rollback(enrolled.machine, about)
    verbs.release(enrolled.machine, {"id": "x"})
    about, _ = flipped(enrolled, new)
    assert _check(enrolled, about)["ok"]
    verbs.confirm(enrolled.machine, about)
    assert enrolled.confirmed() == new.generation


@pytest.mark.parametrize("after", [OLD, BOTH])
def test_systemd_reads_again_what_a_failed_flip_has_shown_it(enrolled: Box, after: Recipe) -> None:
    """The flip ends right behind the reload: the undo has the old units read, and they run."""
    _confirmed(enrolled, SIGHT)
    ran, known = dict(enrolled.kernel.daemons), dict(enrolled.kernel.known)
    about = armed(enrolled, after)

    def struck(argv: Sequence[str]) -> str | None:
        if argv[-1] == "daemon-reload":
            enrolled.kernel.read_units()
            return "struck"
        return None

    enrolled.kernel.refuse = struck
    refusal(verbs.flip, enrolled.machine, about)
    enrolled.kernel.refuse = lambda _: None
    verbs.rollback(enrolled.machine, about)
    assert (enrolled.kernel.daemons, enrolled.kernel.known) == (ran, known)


@pytest.mark.parametrize(
    ("before", "after"), [(OLD, SIGHT), (SIGHT, BOTH), (BOTH, OLD), (OLD, BOTH), (BOTH, SIGHT)]
)
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


def _written_over(box: Box) -> None:
    path = box.layout.at(f"/etc/systemd/system/{UNIT}")
    path.write_text("[Service]\n", encoding="ascii")


def _untrue(box: Box) -> None:
    box.layout.at("/etc/systemd/system-generators/backplane").write_text("x", encoding="ascii")


@pytest.mark.usefixtures("_quiet")
@pytest.mark.parametrize(
    ("harm", "what", "mended"),
    [
        (_stop, UNIT, True),
        (_open, "sight.service", True),
        (_purge, "sight", False),
        (_written_over, UNIT, True),
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
