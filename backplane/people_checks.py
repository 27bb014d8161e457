"""The rules about people that look at more than one field, read from the raw declaration."""

from collections.abc import Iterator

from backplane.breach import breach
from backplane.days import in_calendar
from backplane.mistakes import Mistake
from backplane.raw import Raw

_ENTRY = "sites.*.entry"


def entries(view: Raw) -> Iterator[Mistake]:
    """Entry nodes: each is a node of its site that does not retire, and is named once."""
    for path, site in view.members("sites"):
        nodes = site.mapping("nodes")
        listed = [name for name in site.list("entry") if isinstance(name, str)]
        for position, name in enumerate(listed):
            at = f"{path}.entry.{position}"
            if name not in nodes:
                has = ", ".join(sorted(map(str, nodes))) or "none"
                fix = f"name a node of this site ({has}), or leave it out"
                yield breach(at, f"`{name}` is no node of this site", _ENTRY, fix=fix)
            elif name in listed[:position]:
                yield breach(at, f"`{name}` is there twice", _ENTRY, fix="remove one")
            elif Raw(nodes[name]).switch("retire") is True:
                fix = "name another node of this site, or leave it out"
                yield breach(at, f"`{name}` is marked `retire: true`", _ENTRY, fix=fix)


def ends(view: Raw) -> Iterator[Mistake]:
    """Days on which somebody's way in ends: each stands in the calendar."""
    for path, operator in view.members("operators"):
        day = operator.text("expires")
        if day is not None and in_calendar(day) is False:
            at = f"{path}.expires"
            yield breach(at, f'is `"{day}"`, which stands in no calendar', "operators.*.expires")
