"""The figures that a bench writes: what is bounded, what is missed, what is shown."""

import json

from tests.bench.figures import Figures


def test_every_run_counts_against_the_bound() -> None:
    """One run above the bound misses it, however good the median; at the bound it is kept."""
    figures = Figures()
    for value in (1, 1, 250):
        figures.add("gap", value, "ms", bound=250)
    assert figures.missed == []
    figures.add("gap", 250.4, "ms", bound=250)
    assert [figure.name for figure in figures.missed] == ["gap"]
    assert "| gap | ms | 4 | 125.5 | 250.4 | 250 | **no** |" in figures.markdown("Bench", [])


def test_what_was_never_measured_is_missed() -> None:
    """A figure that was declared and has no run is missed; one without a bound never is."""
    figures = Figures()
    figures.declare("gap", "ms", bound=250)
    figures.add("seconds", 1e9, "s")
    assert [figure.name for figure in figures.missed] == ["gap"]
    assert "**not measured**" in figures.markdown("Bench", [])


def test_json_holds_each_run() -> None:
    """Name, unit, all runs, median, worst, bound and verdict."""
    figures = Figures()
    for value in (3, 1, 2):
        figures.add("lost", value, bound=2)
    assert json.loads(figures.json()) == [
        {
            "name": "lost",
            "unit": "",
            "runs": [3, 1, 2],
            "median": 2,
            "worst": 3,
            "bound": 2,
            "kept": False,
        }
    ]


def test_a_median_may_have_a_bound_of_its_own() -> None:
    """Single runs may be above it; the table and the list of what is missed know it."""
    figures = Figures()
    for value in (0.8, 0.9, 1.7):
        figures.add("detection", value, "s", middle=1)
    assert figures.missed == []
    assert "| detection | s | 3 | 0.9 | 1.7 | median 1 | yes |" in figures.markdown("Bench", [])
    for value in (1.1, 1.2, 1.3):
        figures.add("detection", value, "s", middle=1)
    assert [figure.name for figure in figures.missed] == ["detection"]
