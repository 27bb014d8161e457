"""Where `backplane policy` reads from, and how it shows what it found."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from backplane.policy import RULES, Finding, UnreadableDocument, World, judge, of_preview, of_state
from scripts._problem import Problem
from scripts._stack import pulumi, selected

Json = dict[str, Any]

_MOST = 4
"""How many resources are named behind a rule that cannot be judged yet; `--json` has all."""


def from_file(path: Path, what: str) -> World:
    """Read a preview or a state from a file.

    Args:
        path: The file.
        what: `preview` or `state`.

    Raises:
        Problem: It cannot be read, or is something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Problem(
            where=str(path),
            what=f"the {what} cannot be read",
            why=str(getattr(error, "strerror", None) or "it is no text"),
            fix=f"give the file with the {what}",
        ) from error
    return _world(text, where=str(path), read=of_preview if what == "preview" else of_state)


def from_stack(stack: str | None) -> World:
    """Export a stack's state, its secrets encrypted, and read it.

    Raises:
        Problem: There is no pulumi or no such stack.
    """
    name = selected(stack)
    words = ("stack", "export", "--stack", name)
    text = pulumi(*words, where=f"stack {name}", what="its state cannot be read")
    return _world(text, where=f"stack {name}", read=of_state)


def _world(text: str, *, where: str, read: Callable[[object], World]) -> World:
    try:
        return read(json.loads(text))
    except UnreadableDocument as error:
        raise Problem(
            where=where, what="it cannot be judged", why=error.what, fix=error.fix
        ) from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise Problem(
            where=where,
            what="it cannot be judged",
            why="this is neither a preview nor a state of Pulumi's in JSON",
            fix="give what `pulumi preview --json` or `pulumi stack export` writes",
        ) from None


def verdict(world: World) -> Json:
    """What a machine reads; there is no value of a property in it but ports and networks."""
    findings = judge(world)
    return {
        "ok": not any(one.kind == "violation" for one in findings),
        "stack": world.stack,
        "resources": len(world.resources),
        "whole": world.whole,
        "rules": [
            {
                "id": rule.id,
                "says": rule.says,
                "why": rule.why,
                "violations": _count(findings, rule.id, "violation"),
                "unknown": _count(findings, rule.id, "unknown"),
            }
            for rule in RULES
        ],
        "findings": [
            {
                "kind": one.kind,
                "where": {"urn": one.urn, "name": one.name},
                "what": one.what,
                "rule": one.rule.id,
                "fix": one.rule.fix,
            }
            for one in findings
        ],
    }


def _count(findings: Iterable[Finding], rule: str, kind: str) -> int:
    return sum(one.rule.id == rule and one.kind == kind for one in findings)


def lines(told: Json) -> list[str]:
    """A verdict as people read it: a row for each rule, then what is wrong, with its fix."""
    wide = max(len(rule["id"]) for rule in told["rules"])
    shown = []
    for rule in told["rules"]:
        sign = "x" if rule["violations"] else "?" if rule["unknown"] else "-"
        shown.append(f"{sign} {rule['id']:<{wide}}  {rule['says']}")
    shown.append("")
    for one in told["findings"]:
        if one["kind"] == "violation":
            shown += [
                f"x {one['where']['name']}: {one['what']}",
                f"    where {one['where']['urn'] or one['where']['name']}",
                f"    rule  {one['rule']}",
                f"    fix   {one['fix']}",
            ]
    later = [one for one in told["findings"] if one["kind"] == "unknown"]
    for rule, group in groupby(later, key=lambda one: one["rule"]):
        found = [f"{one['where']['name']}: {one['what']}" for one in group]
        more = f"; and {len(found) - _MOST} more" if len(found) > _MOST else ""
        shown.append(f"? {rule}: {'; '.join(found[:_MOST])}{more}")
    broken = len(told["findings"]) - len(later)
    unknown = f", {len(later)} values that only `pulumi up` will tell" if later else ""
    shown.append(
        f"{'ok' if told['ok'] else 'not ok'}: {told['resources']} resources of stack "
        f"{told['stack'] or '(empty)'}, {len(told['rules'])} rules, {broken} violations{unknown}"
    )
    return shown
