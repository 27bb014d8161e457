"""Figures of a bench: repeated measurements against a bound, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median


@dataclass(slots=True, kw_only=True)
class Figure:
    """One thing measured several times; less is better.

    Attributes:
        name: what was measured.
        unit: of the values; empty for a count.
        bound: what no run may exceed; None where nothing is demanded.
        middle: what the median may not exceed; None where nothing is demanded.
        values: one for each run.
    """

    name: str
    unit: str
    bound: float | None = None
    middle: float | None = None
    values: list[float] = field(default_factory=list)

    @property
    def worst(self) -> float:
        """The largest value."""
        return max(self.values)

    @property
    def median(self) -> float:
        """The middle value."""
        return median(self.values)

    @property
    def held(self) -> bool:
        """Whether every run kept to the bound, and the median to its own.

        Without a run nothing has been shown.
        """
        return (
            bool(self.values)
            and (self.bound is None or self.worst <= self.bound)
            and (self.middle is None or self.median <= self.middle)
        )

    @property
    def limits(self) -> str:
        """Its bounds, as a table shows them."""
        told = [] if self.bound is None else [f"{self.bound:g}"]
        return ", ".join([*told, *([] if self.middle is None else [f"median {self.middle:g}"])])


class Figures:
    """The figures of one bench, in the order in which they were first named."""

    def __init__(self) -> None:
        self._by_name: dict[str, Figure] = {}

    def declare(
        self, name: str, unit: str = "", bound: float | None = None, middle: float | None = None
    ) -> Figure:
        """Name a figure that must be measured."""
        made = Figure(name=name, unit=unit, bound=bound, middle=middle)
        return self._by_name.setdefault(name, made)

    def add(
        self,
        name: str,
        value: float,
        unit: str = "",
        bound: float | None = None,
        middle: float | None = None,
    ) -> None:
        """Add a run."""
        self.declare(name, unit, bound, middle).values.append(round(value, 3))

    @property
    def missed(self) -> list[Figure]:
        """Those that did not keep to their bound, or were declared and never measured."""
        return [figure for figure in self._by_name.values() if not figure.held]

    def markdown(self, title: str, notes: Sequence[str]) -> str:
        """A table with a title above it and notes below."""
        lines = [
            f"# {title}",
            "",
            "| figure | unit | runs | median | worst | bound | kept |",
            "|---|---|---:|---:|---:|---:|---|",
            *(_row(figure) for figure in self._by_name.values()),
            "",
            *(f"- {note}" for note in notes),
        ]
        return "\n".join([*lines, ""])

    def json(self) -> str:
        """The same, for a machine: a list of objects, each with its runs."""
        told = [
            {
                "name": figure.name,
                "unit": figure.unit,
                "runs": figure.values,
                "median": figure.median if figure.values else None,
                "worst": figure.worst if figure.values else None,
                "bound": figure.bound,
                **({} if figure.middle is None else {"median bound": figure.middle}),
                "kept": figure.held,
            }
            for figure in self._by_name.values()
        ]
        return json.dumps(told, indent=2) + "\n"

    def write(self, folder: Path, stem: str, title: str, notes: Iterable[str]) -> None:
        """Write both files, `STEM.md` and `STEM.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{stem}.md").write_text(self.markdown(title, tuple(notes)))
        (folder / f"{stem}.json").write_text(self.json())


def _row(figure: Figure) -> str:
    bound = figure.limits
    kept = "" if not bound else "yes" if figure.held else "**no**"
    if not figure.values:
        return f"| {figure.name} | {figure.unit} | 0 | | | {bound} | **not measured** |"
    values = f"{figure.median:g} | {figure.worst:g}"
    return f"| {figure.name} | {figure.unit} | {len(figure.values)} | {values} | {bound} | {kept} |"
