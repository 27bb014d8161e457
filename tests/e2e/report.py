"""What a run leaves to read: each step with its seconds and its outcome."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(slots=True, kw_only=True)
class Step:
    """One step of a run.

    Attributes:
        name: what was done.
        seconds: how long it took.
        outcome: `well`, or what went wrong.
        detail: what was found.
    """

    name: str
    seconds: float = 0.0
    outcome: str = "well"
    detail: str = ""


@dataclass(slots=True, kw_only=True)
class Report:
    """A run.

    Attributes:
        cloud: where.
        stack: its name.
        began: when, UTC (ISO 8601).
        toolchain: the engine and the plugins.
        offer: what was told before.
        steps: what was done, in order.
        left: what still carries the label; None while nobody has looked.
        code: the exit code.
    """

    cloud: str
    stack: str
    began: str
    toolchain: str
    offer: str
    steps: list[Step] = field(default_factory=list)
    left: list[str] | None = None
    code: int = 1

    def markdown(self) -> str:
        """For people."""
        rows = [
            f"| {one.name} | {one.seconds:.1f} | {_cell(one.outcome)} | {_cell(one.detail)} |"
            for one in self.steps
        ]
        if self.left is None:
            left = "Nobody could look what still carries the label."
        elif self.left:
            left = "\n".join(("Still there, and paid for:", "", *(f"- {one}" for one in self.left)))
        else:
            left = "Nothing carries the label any more."
        total = sum(one.seconds for one in self.steps)
        lines = [
            f"# {self.stack} on {self.cloud}: exit code {self.code}",
            "",
            f"Began {self.began}. {self.toolchain}.",
            "",
            "| step | seconds | outcome | found |",
            "|---|---:|---|---|",
            *rows,
            f"| all | {total:.1f} | | |",
            "",
            left,
            "",
            "```text",
            self.offer,
            "```",
            "",
        ]
        return "\n".join(lines)

    def write(self, folder: Path) -> None:
        """Write `report.md` and `report.json`."""
        (folder / "report.md").write_text(self.markdown(), encoding="utf-8")
        text = json.dumps(asdict(self), indent=2) + "\n"
        (folder / "report.json").write_text(text, encoding="utf-8")


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
