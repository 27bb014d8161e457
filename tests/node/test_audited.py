"""What an audit from outside found becomes metrics of a node: counts of known kinds, no more."""

from typing import Any

import pytest

from node import audited, metrics
from node.errors import Refused
from tests.node.model import Box

KINDS = {"tcp": 0, "udp": 0, "icmp": 0, "ptr": 0, "name": 0}


def _request(box: Box, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of the request
    now = int(box.machine.clock.wall())
    return {"at": now, "able": True, "findings": {"b": {**KINDS, "tcp": 2}}, **more}


def _text(box: Box) -> str:
    return (box.layout.at(metrics.FOLDER) / "audit.prom").read_text(encoding="utf-8")


def test_findings_become_metrics(enrolled: Box) -> None:
    """Each node and kind, when it was, whether it could see; the other files stay."""
    told = _request(enrolled)
    assert audited.audited(enrolled.machine, told) == {"written": "audit.prom"}
    text = _text(enrolled)
    assert 'backplane_audit_findings{node="b",kind="tcp"} 2\n' in text
    assert 'backplane_audit_findings{node="b",kind="udp"} 0\n' in text
    assert "backplane_audit_able 1\n" in text
    assert f"backplane_audit_timestamp_seconds {told['at']}\n" in text
    audited.audited(enrolled.machine, _request(enrolled, able=False, findings={}))
    assert "backplane_audit_able 0\n" in _text(enrolled)
    assert "backplane_audit_findings{" not in _text(enrolled)


@pytest.mark.parametrize(
    "more",
    [
        {"findings": {"stranger": KINDS}},
        {"findings": {'b"} 1\nup{x="': KINDS}},
        {"findings": {"b": {"other": 1}}},
        {"findings": {"b": {"tcp": -1}}},
        {"findings": {"b": {"tcp": 1.5}}},
        {"findings": {"b": {"tcp": True}}},
        {"findings": {"b": {"tcp": 1 << 40}}},
        {"findings": {"b": 1}},
        {"findings": [1]},
        {"findings": None},
        {"able": 1},
        {"able": None},
        {"at": "now"},
        {"at": 0},
        {"at": 1 << 60},
    ],
)
def test_anything_else_is_refused_and_changes_nothing(enrolled: Box, more: dict[str, Any]) -> None:
    """Unknown nodes and kinds, what is no count, another time; what was told before stays."""
    audited.audited(enrolled.machine, _request(enrolled))
    before = _text(enrolled)
    with pytest.raises(Refused):
        audited.audited(enrolled.machine, _request(enrolled, **more))
    assert _text(enrolled) == before


def test_the_same_names_and_kinds_as_the_audits() -> None:
    """The node tool knows nothing of the core; what both write is the same."""
    from backplane.audit import judge, tell  # noqa: PLC0415 - beside what it is compared with

    families = audited._families([], 0, able=True)
    assert {*audited.KINDS} == {*judge.KINDS}
    assert [(one.name, one.about) for one in families] == [*tell.METRICS]
