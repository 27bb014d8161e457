"""People's last days: in the mesh's rows as a second, in pictures as a day."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from backplane import expiry
from backplane.check import checked_plan
from backplane.days import DAY, end_of, in_calendar, stamp_of_end
from backplane.picture import picture
from backplane.render import bundle as rendered
from tests.core import example


@given(st.dates(dt.date(1970, 1, 1), dt.date(9999, 12, 30)))
def test_a_day_ends_when_the_next_one_begins(day: dt.date) -> None:
    """In UTC: the last second is let in, the next one is not."""
    begin = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp()
    assert in_calendar(day.isoformat()) is True
    assert end_of(day.isoformat()) == begin + DAY
    stamp = dt.datetime.strptime(stamp_of_end(day.isoformat()), "%Y%m%d%H%M%S%z")
    assert stamp.timestamp() == begin + DAY


def test_what_is_no_day_is_told_from_one_that_there_is_not() -> None:
    """Wrong digits are a wrong day; another form is somebody else's mistake to tell."""
    assert in_calendar("2028-02-29") is True
    assert in_calendar("2027-02-29") is False
    assert in_calendar("0000-01-01") is False
    assert in_calendar("soon") is None


def test_only_who_has_a_last_day_has_an_end() -> None:
    """Nodes get the second from which they refuse; nobody else's row has one."""
    raw = example.raw()
    raw["operators"]["alice"]["expires"] = "2027-03-31"
    raw["operators"]["bob"] = {"id": 2, "planes": ["management"]}
    plan = checked_plan(raw, project="backplane", stack="lab")
    told = picture(plan)["people"]
    assert {name: one["expires"] for name, one in told.items()} == {
        "alice": "2027-03-31",
        "bob": None,
        "runner": None,
    }
    made = example.material(raw)
    bundle = rendered.bundle(made.plan, "fsn-a", made.identities["fsn-a"], made.cards, made.roots)
    rows = bundle.document["mesh"]["wg1"]
    assert {row["name"]: row["until"] for row in rows if "until" in row} == {
        "alice": str(end_of("2027-03-31"))
    }


def test_people_are_told_a_week_ahead_and_after() -> None:
    """Not before, not of who has no end; the last second of the last day is still allowed."""
    raw = example.raw()
    raw["operators"]["alice"]["expires"] = "2027-03-31"
    raw["operators"]["bob"] = {"id": 2, "planes": ["management"]}
    plan = checked_plan(raw, project="backplane", stack="lab")
    end = end_of("2027-03-31")
    assert [*expiry.warnings(plan, end - expiry.WARNED)] == []
    (soon,) = expiry.warnings(plan, end - 1)
    assert soon.startswith("operator alice: the last day is 2027-03-31")
    (over,) = expiry.warnings(plan, end)
    assert "every node refuses" in over
    assert expiry.state(None, end) == ""
