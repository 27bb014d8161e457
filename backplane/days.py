"""Days as declarations write them, ISO 8601, and what they are in seconds. Pure."""

import calendar
import re

from backplane.rules import DAY_PATTERN

MONTHS = 12
DAY = 86400
"""Seconds."""


def in_calendar(day: str) -> bool | None:
    """Whether there is such a day; None where the text has not the form of one."""
    if not re.fullmatch(DAY_PATTERN, day):
        return None
    year, month, number = _parts(day)
    return year > 0 and 1 <= month <= MONTHS and 1 <= number <= calendar.monthrange(year, month)[1]


def begin_of(day: str) -> int:
    """The first second (UTC, since 1970) of a day that there is."""
    year, month, number = _parts(day)
    return calendar.timegm((year, month, number, 0, 0, 0))


def end_of(day: str) -> int:
    """The first second (UTC, since 1970) that is behind a day that there is."""
    return begin_of(day) + DAY


def stamp_of_end(day: str) -> str:
    """The same in the words of sshd(8): ``YYYYMMDDHHMMSSZ``."""
    year, month, number = _parts(day)
    if number < calendar.monthrange(year, month)[1]:
        number += 1
    else:
        year, month, number = (year, month + 1, 1) if month < MONTHS else (year + 1, 1, 1)
    return f"{year:04}{month:02}{number:02}000000Z"


def _parts(day: str) -> tuple[int, int, int]:
    year, month, number = (int(part) for part in day.split("-"))
    return year, month, number
