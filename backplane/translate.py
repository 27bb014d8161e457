"""Pydantic's errors in our words."""

from difflib import get_close_matches
from typing import Any

from pydantic_core import ErrorDetails

from backplane.mistakes import Mistake
from backplane.rule import NAME
from backplane.rules import RULES, pattern, rule_at

_KINDS = {
    "int_type": "a whole number",
    "bool_type": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
}


def shown(value: object) -> str:
    """A value as YAML people know it, cut short."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = f'`"{value}"`' if isinstance(value, str) else f"`{value}`"
    return text if len(text) <= 80 else text[:76] + "…`"  # noqa: PLR2004 one line of a terminal


def known_keys(path: tuple[str, ...]) -> list[str]:
    """The keys that may stand below a path."""
    prefix = pattern((*path, "?")).removesuffix("?")
    return sorted(
        key.removeprefix(prefix)
        for key in RULES
        if key.startswith(prefix) and key != prefix and "." not in key.removeprefix(prefix) and key
    )


def mistake(details: ErrorDetails) -> Mistake:
    """One of pydantic's errors as a mistake with path, rule and fix."""
    kind = details["type"]
    location = tuple(str(part) for part in details["loc"])
    if location and location[-1] == "[key]":
        return _bad_key(location[:-1], details)
    path = ".".join(location)
    if kind == "extra_forbidden":
        return _unknown_key(location)
    rule = rule_at(location)
    what = _what(kind, details["input"], dict(details.get("ctx", {})))
    return Mistake(path=path, what=what, rule=rule.rule, fix=rule.fix)


def _what(kind: str, value: object, context: dict[str, Any]) -> str:
    if kind == "missing":
        return "is missing"
    if kind in _KINDS:
        return f"is {shown(value)}, not {_KINDS[kind]}"
    if kind in {"greater_than_equal", "less_than_equal"}:
        return f"is {shown(value)}, out of range"
    if kind == "too_short":
        return "is empty"
    if kind == "literal_error":
        return f"is {shown(value)}, not {context['expected']}"
    return f"is {shown(value)}, which does not fit"


def _bad_key(location: tuple[str, ...], details: ErrorDetails) -> Mistake:
    path = ".".join(location)
    if pattern(location) == "planes.*" or location[-2:-1] == ("epochs",):
        return Mistake(
            path=path,
            what=f"there is no plane `{location[-1]}`",
            rule=RULES["planes"].rule,
            fix=RULES["planes"].fix,
        )
    what = f"is {shown(details['input'])}, which is no name"
    return Mistake(path=path, what=what, rule=NAME.rule, fix=NAME.fix)


def _unknown_key(location: tuple[str, ...]) -> Mistake:
    *parent, key = location
    known = known_keys(tuple(parent))
    near = get_close_matches(key, known, n=1)
    return Mistake(
        path=".".join(location),
        what=f"unknown key `{key}`",
        rule=f"the keys here are {', '.join(known)}",
        fix=f"did you mean `{near[0]}`?" if near else "remove it, or correct its name",
    )
