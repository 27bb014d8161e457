"""Every mistake in a declaration is found, explained, and found with all others in one run."""

import pytest
import yaml

from backplane.check import checked_plan
from backplane.declaration import DeclarationError
from backplane.rules import RULES, pattern
from tests.core import example, golden

CASES = sorted(path.stem for path in (golden.DIRECTORY / "errors").glob("*.yaml"))


def _error(case: str) -> DeclarationError:
    text = (golden.DIRECTORY / "errors" / f"{case}.yaml").read_text(encoding="utf-8")
    with pytest.raises(DeclarationError) as caught:
        checked_plan(yaml.safe_load(text), project="backplane", stack="lab")
    return caught.value


@pytest.mark.parametrize("case", CASES)
def test_each_rule_reads_as_looked_at(case: str) -> None:
    """The report of each broken rule is, word for word, the one a person has looked at."""
    golden.compare(f"errors/{case}.txt", f"{_error(case)}\n")


@pytest.mark.parametrize("case", CASES)
def test_each_mistake_says_where_what_rule_and_fix(case: str) -> None:
    """Every mistake has all four parts; only a broken whole has no path."""
    for mistake in _error(case).mistakes:
        assert mistake.what
        assert mistake.rule
        assert mistake.fix
        assert mistake.path or case == "not-a-mapping"


def test_two_mistakes_come_out_in_one_run() -> None:
    """A field out of range and a clash of ids are both reported, by path."""
    paths = [mistake.path for mistake in _error("two-mistakes").mistakes]
    assert paths == ["sites.fsn.nodes.fsn-b.id", "timer"]


def test_a_right_declaration_has_no_mistake() -> None:
    """The example, which breaks no rule, is accepted."""
    assert len(checked_plan(example.raw(), project="backplane", stack="lab").nodes) == 4


def test_every_golden_report_has_its_declaration() -> None:
    """No report stays behind when its declaration goes."""
    reports = {path.stem for path in (golden.DIRECTORY / "errors").glob("*.txt")}
    assert reports == set(CASES)


def test_paths_lead_to_rules_also_through_odd_names() -> None:
    """A site that is called like a field doesn't confuse the way to a rule."""
    assert pattern(("sites", "nodes", "nodes", "planes", "id")) == "sites.*.nodes.*.id"
    assert pattern(("operators", "planes", "planes", "0")) == "operators.*.planes.0"
    assert "sites.*.nodes.*.id" in RULES
