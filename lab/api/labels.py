"""Labels and label selectors, after https://docs.hetzner.cloud/reference/cloud#labels."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lab.api.errors import invalid

_NAME = r"[a-z0-9A-Z](?:[a-z0-9A-Z._-]{0,61}[a-z0-9A-Z])?"
_DOMAIN = r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*"
_KEY = rf"(?:{_DOMAIN}/)?{_NAME}"
_VALUE = rf"(?:{_NAME})?"
_KEY_RE = re.compile(_KEY)
_VALUE_RE = re.compile(_VALUE)
_TERM_RE = re.compile(
    rf"""\s*(?:
      (?P<absent>!)\s*(?P<absent_key>{_KEY})
    | (?P<set_key>{_KEY})\s+(?P<set_op>in|notin)\s*\((?P<values>[^()]*)\)
    | (?P<key>{_KEY})\s*(?P<op>==|=|!=)\s*(?P<value>{_VALUE})
    | (?P<present>{_KEY})
    )\s*""",
    re.VERBOSE,
)


def check_labels(labels: Mapping[str, str]) -> None:
    """Refuse labels whose key or value is malformed."""
    wrong = [
        f"label '{key}={value}' is not correctly formatted"
        for key, value in labels.items()
        if not (_KEY_RE.fullmatch(key) and _VALUE_RE.fullmatch(value))
    ]
    if wrong:
        raise invalid("labels", *wrong)


def _terms(selector: str) -> list[re.Match[str]]:
    terms: list[re.Match[str]] = []
    position = 0
    while True:
        term = _TERM_RE.match(selector, position)
        if term is None:
            raise invalid("label_selector", f"'{selector}' is not a label selector")
        terms.append(term)
        position = term.end()
        if position == len(selector):
            return terms
        if selector[position] != ",":
            raise invalid("label_selector", f"'{selector}' is not a label selector")
        position += 1


def _holds(term: re.Match[str], labels: Mapping[str, str]) -> bool:
    if term["absent"]:
        return term["absent_key"] not in labels
    if term["set_key"]:
        listed = {value.strip() for value in term["values"].split(",")}
        if term["set_op"] == "in":
            return labels.get(term["set_key"]) in listed
        return labels.get(term["set_key"]) not in listed
    if term["key"]:
        if term["op"] == "!=":
            return labels.get(term["key"]) != term["value"]
        return labels.get(term["key"]) == term["value"]
    return term["present"] in labels


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Whether the labels satisfy every term of the selector; a malformed one is refused."""
    return all(_holds(term, labels) for term in _terms(selector))


def check_selector(selector: str) -> None:
    """Refuse a malformed selector."""
    _terms(selector)
