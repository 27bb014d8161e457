"""An audit as people read it: a table of nodes, a line for each finding, what cannot be said."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from backplane.audit import tell
from backplane.audit.judge import KINDS, Verdict


def table(verdict: Verdict) -> Table:
    """One row for each node: its addresses, and findings by kind."""
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("node", "addresses", *KINDS):
        shown.add_column(column, justify="right" if column in KINDS else "left")
    for node, counts in verdict.counted().items():
        cells = [f"[{'red' if count else 'green'}]{count}[/]" for count in counts.values()]
        shown.add_row(node, ", ".join(verdict.nodes[node]) or "-", *cells)
    return shown


def show(console: Console, verdict: Verdict) -> None:
    """Print the verdict for people."""

    def line(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    console.print(table(verdict))
    for one in verdict.findings:
        line(f"[red]x[/] {one.node}: {escape(one.where)} {escape(one.what)}")
        line(f"    why  {escape(one.why)}")
        line(f"    fix  {escape(one.fix)}")
    for text in verdict.unable:
        line(f"[yellow]?[/] cannot say: {escape(text)}")
    for text in verdict.notes:
        line(f"- {escape(text)}")
    state, _, rest = tell.summary(verdict).partition(": ")
    line(f"[bold {'green' if verdict.ok else 'red'}]{state}[/]: {rest}")
