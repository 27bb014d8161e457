"""Lists: filters, sorting and pages, the same for every kind of resource."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from lab.api.errors import invalid, invalid_fields
from lab.api.labels import check_selector, matches

Json = dict[str, Any]
Query = Mapping[str, Sequence[str]]

DEFAULT_PER_PAGE = 25
MAX_PER_PAGE = 50
PAGING = frozenset({"page", "per_page"})
_REPEATABLE = frozenset({"id", "sort", "status", "type", "architecture", "bound_to"})


def check(query: Query, allowed: frozenset[str]) -> None:
    """Refuse parameters that are unknown here or repeated where one is meant."""
    wrong = {key: ["unknown query parameter"] for key in query if key not in allowed}
    for key, values in query.items():
        if key in allowed and key not in _REPEATABLE and len(values) > 1:
            wrong[key] = ["given more than once"]
    if wrong:
        raise invalid_fields(wrong)


def number(query: Query, key: str, default: int) -> int:
    """A positive whole number out of the query."""
    text = query.get(key, [str(default)])[0]
    if not text.isdecimal() or int(text) < 1:
        raise invalid(key, f"'{text}' is not a positive number")
    return int(text)


def one(query: Query, key: str) -> str | None:
    """The value of a parameter that is given at most once."""
    return query[key][0] if key in query else None


def many(query: Query, key: str, allowed: Iterable[str]) -> Sequence[str] | None:
    """The values of a parameter that may be repeated, each one of those allowed."""
    values = query.get(key)
    for value in values or ():
        if value not in allowed:
            raise invalid(key, f"'{value}' is not one of {', '.join(sorted(allowed))}")
    return values


def ordered(items: Sequence[Json], query: Query, keys: Iterable[str]) -> list[Json]:
    """Sorted as `sort` says; by id without it. The first `sort` weighs most."""
    allowed = tuple(keys)
    result = sorted(items, key=lambda item: int(item["id"]))
    for text in reversed(query.get("sort", ())):
        key, _, direction = text.partition(":")
        if key not in allowed or direction not in ("", "asc", "desc"):
            raise invalid("sort", f"'{text}' is not a sort order of this list")
        result.sort(key=_rank(key), reverse=direction == "desc")
    return result


def _rank(key: str) -> Callable[[Json], tuple[bool, Any]]:
    return lambda item: (item[key] is not None, item[key] if item[key] is not None else 0)


def filtered(items: Iterable[Json], query: Query, *exact: str) -> list[Json]:
    """Those whose fields equal the parameters of the same name and whose labels match."""
    result = list(items)
    for key in exact:
        value = one(query, key)
        if value is not None:
            result = [item for item in result if item[key] == value]
    selector = one(query, "label_selector")
    if selector is not None:
        check_selector(selector)
        result = [item for item in result if matches(selector, item["labels"])]
    return result


def page(name: str, items: Sequence[Json], query: Query) -> Json:
    """One page of a list, with the numbers of its neighbours."""
    current = number(query, "page", 1)
    size = number(query, "per_page", DEFAULT_PER_PAGE)
    if size > MAX_PER_PAGE:
        raise invalid("per_page", f"at most {MAX_PER_PAGE}")
    last = max(1, -(-len(items) // size))
    start = (current - 1) * size
    return {
        name: list(items[start : start + size]),
        "meta": {
            "pagination": {
                "page": current,
                "per_page": size,
                "previous_page": current - 1 if current > 1 else None,
                "next_page": current + 1 if current < last else None,
                "last_page": last,
                "total_entries": len(items),
            }
        },
    }
