"""Each alert fires when its fault is there, not before it lasts, and not on what looks alike.

`promtool test rules` runs the very rules that nodes get, on series made up in `faults`.
"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from backplane.check import checked_plan
from backplane.roles import alerts
from tests.core import faults, faults_audit, golden, tools, watched
from tests.core.faults import Case, series

CASES = [*faults.CASES, *faults_audit.CASES]
PLAN = checked_plan(watched.routed(), project="x", stack="y")
RULES = alerts.rules(PLAN)
ALERTS: list[dict[str, Any]] = yaml.safe_load(RULES)["groups"][0]["rules"]
RUNBOOK = golden.DIRECTORY.parents[1] / "docs/runbooks/monitoring.md"


def _expected(case: Case, at: str, firing: list[dict[str, str]]) -> dict[str, Any]:
    severity = next(one["labels"]["severity"] for one in ALERTS if one["alert"] == case.alert)
    fixed = {"alertname": case.alert, "alertstate": "firing", "severity": severity}
    return {
        "expr": f'ALERTS{{alertname="{case.alert}",alertstate="firing"}}',
        "eval_time": at,
        "exp_samples": [{"labels": series("ALERTS", **fixed, **one), "value": 1} for one in firing],
    }


def _judged(case: Case, given: dict[str, str], firing: list[dict[str, str]], at: Path) -> str:
    """What promtool finds wrong; empty if the alert fires as said."""
    (at / "alerts.yml").write_text(RULES, encoding="utf-8")
    test = {
        "interval": case.interval,
        "input_series": [{"series": name, "values": text} for name, text in given.items()],
        "promql_expr_test": [
            _expected(case, case.fires, firing),
            *(_expected(case, time, []) for time in case.lacks),
        ],
    }
    document = {
        "rule_files": ["alerts.yml"],
        "evaluation_interval": case.interval,
        "tests": [test],
    }
    (at / "test.yml").write_text(yaml.safe_dump(document), encoding="utf-8")
    tool = tools.need("promtool", package="prometheus")
    well, said = tools.accepts(tool, "test", "rules", at / "test.yml")
    return "" if well else said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_it_fires_for_its_fault_alone(case: Case, tmp_path: Path) -> None:
    """After the time it must last and no sooner; what looks alike beside it makes no alert."""
    assert _judged(case, {**case.fault, **case.well}, case.labels, tmp_path) == ""


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.fault], ids=lambda case: case.alert
)
def test_it_is_silent_where_all_is_well(case: Case, tmp_path: Path) -> None:
    """Without the fault nothing fires; and the judge does notice an alert that should have."""
    assert _judged(case, case.well, [], tmp_path) == ""
    assert "exp:" in _judged(case, case.well, case.labels, tmp_path)


def test_every_alert_has_its_case() -> None:
    """And its section in the runbook."""
    names = [one["alert"] for one in ALERTS]
    assert sorted({*names}) == sorted(case.alert for case in CASES)
    sections = re.findall(r"^### (\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(sections) == sorted({*names})
    assert {*alerts.of_a_node(PLAN), alerts.NODE_DOWN, alerts.WATCHDOG} <= {*names}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.alert)
def test_it_says_what_and_what_to_do(case: Case) -> None:
    """Severity, summary and description; no label is named that its alerts do not have."""
    for rule in (one for one in ALERTS if one["alert"] == case.alert):
        assert rule["labels"]["severity"] in {"critical", "warning", "info", "none"}
        assert set(rule["annotations"]) == {"description", "summary"}
        told = " ".join([*rule["annotations"].values(), *rule["labels"].values()])
        for labels in case.labels:
            assert set(re.findall(r"\$labels\.(\w+)", told)) <= set(labels)


def test_a_mesh_has_no_alert_on_links() -> None:
    """Nor is Alertmanager told of any."""
    mesh = checked_plan(watched.raw(), project="x", stack="y")
    assert not [name for name in ("LinkDown", "Gateway") if name in alerts.rules(mesh)]
    assert alerts.of_a_node(mesh) == alerts.OF_A_NODE


def test_a_plane_that_was_never_rotated_is_not_overdue() -> None:
    """Only what has a date has a rule: storage's keys and PSKs here, nothing by default."""
    rotations = [one["labels"] for one in ALERTS if one["alert"] == "RotationOverdue"]
    assert [(one["plane"], one["what"]) for one in rotations] == [
        ("storage", "keys"),
        ("storage", "psk"),
    ]
    bare = {**watched.raw(), "planes": {}, "operators": {}}
    told = alerts.rules(checked_plan(bare, project="x", stack="y"))
    assert not [one for one in ("RotationOverdue", "OperatorExpires") if one in told]
