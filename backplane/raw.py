"""A tolerant view of a raw declaration: what is missing or of a wrong type is simply not there."""

from collections.abc import Iterator, Mapping
from typing import Any

from backplane import planes

_DEFAULT_RUNNERS = {"runner": {"id": 254}}


class Raw:
    """A mapping that may be anything, read without ever failing."""

    def __init__(self, value: object) -> None:
        self._value = _as_mapping(value)

    def mapping(self, key: str) -> dict[str, Any]:
        """The mapping below a key, or an empty one."""
        return _as_mapping(self._value.get(key))

    def list(self, key: str) -> list[Any]:
        """The list below a key, or an empty one."""
        value = self._value.get(key)
        return value if isinstance(value, list) else []

    def text(self, key: str) -> str | None:
        """The text below a key, if it is text."""
        value = self._value.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        """The whole number below a key, if it is one."""
        value = self._value.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def switch(self, key: str) -> bool | None:
        """The boolean below a key, if it is one."""
        value = self._value.get(key)
        return value if isinstance(value, bool) else None

    def has(self, key: str) -> bool:
        """Whether anything stands below a key."""
        return self._value.get(key) is not None

    def members(self, key: str) -> Iterator[tuple[str, "Raw"]]:
        """Path and view of each entry of a mapping."""
        for name, value in self.mapping(key).items():
            yield f"{key}.{name}", Raw(value)

    def runners(self) -> Iterator[tuple[str, "Raw"]]:
        """Path and view of each runner; the default one where none is declared."""
        source = self if "runners" in self._value else Raw({"runners": _DEFAULT_RUNNERS})
        yield from source.members("runners")

    def nodes(self) -> Iterator[tuple[str, "Raw"]]:
        """Path and view of each node of each site."""
        for site_path, site in self.members("sites"):
            for path, node in site.members("nodes"):
                yield f"{site_path}.{path}", node

    def roles(self) -> set[str]:
        """The roles that are named for nodes which do not retire."""
        staying = (node for _, node in self.nodes() if node.switch("retire") is not True)
        return {role for node in staying for role in node.list("roles") if isinstance(role, str)}

    def named(self) -> Iterator[tuple[str, str]]:
        """Path and name of everything whose name must be unique."""
        for members in (self.nodes(), self.members("operators"), self.runners()):
            for path, _ in members:
                yield path, path.rsplit(".", 1)[1]

    def ids(self) -> Iterator[tuple[tuple[str, ...], str, str, int]]:
        """(group in which it is unique, key of its rule, path, id) of each id."""
        for path, site in self.members("sites"):
            number = site.number("id")
            if number is not None:
                yield ("sites",), "sites.*.id", path, number
        for path, node in self.nodes():
            number = node.number("id")
            if number is not None:
                yield ("nodes", path.rsplit(".", 1)[0]), "sites.*.nodes.*.id", path, number
        for path, person in (*self.members("operators"), *self.runners()):
            number = person.number("id")
            if number is not None:
                kind = path.split(".", 1)[0]
                yield ("people",), f"{kind}.*.id", path, number

    def planes(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Name and settings of each plane that is written down."""
        for name, settings in self.mapping("planes").items():
            yield name, _as_mapping(settings)

    def plane_names(self) -> tuple[tuple[str, ...], dict[str, str]]:
        """(slots in use, slot by each name that a plane goes by)."""
        written = dict(self.planes())
        names = {slot: slot for slot in planes.SLOTS}
        for slot in planes.SLOTS:
            name = written.get(slot, {}).get("name")
            if isinstance(name, str):
                names.setdefault(name, slot)
        used = (slot for slot in planes.SLOTS if written.get(slot, {}).get("use") is not False)
        return tuple(used), names

    def reach(self) -> Iterator[tuple[str, str, str, bool]]:
        """(path of what decides, name, endpoint family, has public IPv6) of each node."""
        for site_path, site in self.members("sites"):
            for node_path, node in site.members("nodes"):
                name = node_path.rsplit(".", 1)[1]
                own = node.text("endpoint")
                family = own or site.text("endpoint") or "ipv4"
                path = f"{site_path}.{node_path}.endpoint" if own else f"{site_path}.endpoint"
                machine = node.mapping("machine")
                ipv6 = isinstance(machine.get("ipv6"), str) if machine else node.switch("ipv6")
                if ipv6 is None:
                    ipv6 = site.switch("ipv6") is not False
                yield path, name, family, ipv6


def _as_mapping(value: object) -> dict[str, Any]:
    mapping = value if isinstance(value, Mapping) else {}
    return {str(key): below for key, below in mapping.items()}
