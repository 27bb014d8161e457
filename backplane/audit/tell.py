"""A verdict for programs and pull requests: Prometheus' text format, Markdown, a node's request."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from backplane.audit.judge import Verdict

METRICS = (
    ("backplane_audit_findings", "What a stranger gets to know, by node and kind."),
    ("backplane_audit_able", "1 where the last audit from outside could see what it looked for."),
    ("backplane_audit_timestamp_seconds", "When the last audit ended, in seconds since 1970."),
)
"""The families, which `node/audited.py` writes too."""


def request(verdict: Verdict, at: int, names: Iterable[str]) -> dict[str, Any]:
    """What a node is told.

    Args:
        verdict: the audit's.
        at: when it ended, seconds since 1970.
        names: the nodes that the told one knows: all that do not retire.
    """
    known = {*names}
    counts = {node: kinds for node, kinds in verdict.counted().items() if node in known}
    return {"at": at, "able": verdict.able, "findings": counts}


def metrics(verdict: Verdict, at: int) -> str:
    """The textfile collector's form: every node and kind, also those with none."""
    rows = {
        METRICS[0][0]: [
            f'{{node="{node}",kind="{kind}"}} {count}'
            for node, kinds in verdict.counted().items()
            for kind, count in kinds.items()
        ],
        METRICS[1][0]: [f" {int(verdict.able)}"],
        METRICS[2][0]: [f" {at}"],
    }
    lines = []
    for name, about in METRICS:
        lines += [f"# HELP {name} {about}", f"# TYPE {name} gauge"]
        lines += [f"{name}{row}" for row in rows[name]]
    return "\n".join(lines) + "\n"


def summary(verdict: Verdict) -> str:
    """The last line for people."""
    looked = sum(bool(own) for own in verdict.nodes.values())
    addresses = sum(len(own) for own in verdict.nodes.values())
    told = (
        f"{len(verdict.findings)} findings; {looked} of {len(verdict.nodes)} nodes, "
        f"{addresses} addresses, {verdict.knocks} knocks in {verdict.seconds:g} s"
    )
    state = "dark" if verdict.ok else "not dark" if verdict.findings else "cannot say"
    return f"{state}: {told}"


def markdown(verdict: Verdict, title: str) -> str:
    """A report for a run's summary or an issue."""
    lines = [f"## {title}", "", f"**{summary(verdict)}**", ""]
    if verdict.findings:
        lines += ["| node | where | what | why it matters | what to do |", "|---|---|---|---|---|"]
        lines += [
            f"| {_text(f.node)} | {_code(f.where)} | {_code(f.what)} | {_text(f.why)} "
            f"| {_text(f.fix)} |"
            for f in verdict.findings
        ]
        lines.append("")
    lines += [f"- cannot say: {_code(one)}" for one in verdict.unable]
    lines += [f"- {_code(one)}" for one in verdict.notes]
    return "\n".join(lines).rstrip() + "\n"


def _code(text: str) -> str:
    """Text from outside, where GitHub makes no link, mention or reference of it: as code.

    A backslash does not keep it from that: it links `www.`, `https:`, `@` and `#` in any other
    text. A `|` would end a table's cell even here.
    """
    plain = text.replace("|", "\u00a6")
    fence = "`" * (max(map(len, re.findall("`+", plain)), default=0) + 1)
    return f"{fence} {plain} {fence}" if plain.strip() else ""


def _text(text: str) -> str:
    """Our own text, with nothing in it that Markdown or HTML takes for more than text."""
    kept = "".join(f"\\{one}" if one in "\\|*_[]<>#!~@" else one for one in text)
    return kept.replace("&", "&amp;")
