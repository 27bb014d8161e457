"""One alert rule, as Prometheus has it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One rule.

    Attributes:
        name: its `alertname`.
        expr: PromQL; it fires for each sample of the result.
        lasting: how long that must hold, as Prometheus writes it; None for not at all.
        severity: how soon somebody is to look.
        summary: what, in a line.
        description: what, the likely cause, and what to do.
        labels: further labels of its alerts.
    """

    name: str
    expr: str
    severity: Literal["critical", "warning", "info", "none"]
    summary: str
    description: str
    lasting: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """As a rule of Prometheus' own."""
        waits = {"for": self.lasting} if self.lasting else {}
        return {
            "alert": self.name,
            "expr": self.expr,
            **waits,
            "labels": {**self.labels, "severity": self.severity},
            "annotations": {"summary": self.summary, "description": self.description},
        }
