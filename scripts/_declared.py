"""A stack's file: the declaration in it, and changes to it by a verb."""

from __future__ import annotations

import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from scripts._edit import CannotEdit, Value, drop, put
from scripts._file import replace
from scripts._problem import Problem
from scripts._stack import project, selected, settings

if TYPE_CHECKING:
    from backplane.declaration import Declaration

Changes = Mapping[tuple[str, ...], Value]
"""New values by path inside the declaration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFile:
    """The file of one stack.

    Attributes:
        stack: the stack's name.
        project: the project's name.
        path: where the file is.
        key: the declaration's key below `config`.
        text: what the file holds.
        declaration: what it declares.
    """

    stack: str
    project: str
    path: Path
    key: str
    text: str
    declaration: Declaration

    @property
    def shown(self) -> str:
        """The file as messages name it."""
        folder = project()
        return str(self.path.relative_to(folder) if self.path.is_relative_to(folder) else self.path)

    def change(self, changes: Changes) -> None:
        """Write new values into the file, all of them or none; nothing else in it changes.

        Raises:
            Problem: A value has no place of its own in the file.
        """
        text = self.text
        for path, value in changes.items():
            try:
                text = put(text, ("config", self.key, *path), value)
            except CannotEdit as error:
                raise Problem(
                    where=self.shown,
                    what=f"{'.'.join(path)} cannot be changed; nothing was written",
                    why=str(error),
                    fix=f"write {'.'.join(path)}: {value} by hand",
                ) from error
        self._write(text)

    def remove(self, path: tuple[str, ...]) -> None:
        """Take an entry out of the file; nothing else in it changes.

        Raises:
            Problem: It shares its place in the file with something else.
        """
        try:
            text = drop(self.text, ("config", self.key, *path))
        except CannotEdit as error:
            raise Problem(
                where=self.shown,
                what=f"{'.'.join(path)} cannot be removed; nothing was written",
                why=str(error),
                fix=f"take {'.'.join(path)} out by hand",
            ) from error
        self._write(text)

    def _write(self, text: str) -> None:
        """Replace the file's content at once, its mode kept."""
        replace(self.path, text.encode(), stat.S_IMODE(self.path.stat().st_mode))


def read(stack: str | None) -> StackFile:
    """Read the file of a stack, of the selected one when no name is given.

    Raises:
        Problem: There is no such file, or it declares no mesh.
        DeclarationError: The declaration has mistakes.
    """
    from backplane.declaration import parse  # noqa: PLC0415 - `--help` needs no pydantic

    name = selected(stack).rpartition("/")[2]
    project_name, folder = settings()
    path = folder / f"Pulumi.{name}.yaml"
    key = f"{project_name}:mesh"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read()
        document = yaml.safe_load(text) or {}
        mesh = document["config"][key]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        missing = isinstance(error, (KeyError, TypeError))
        raise Problem(
            where=str(path.relative_to(project())),
            what="there is no declaration to change",
            why=f"it has no `{key}` below `config`" if missing else str(error),
            fix="give the stack's name by --stack, or write its file first",
        ) from error
    return StackFile(
        stack=name,
        project=project_name,
        path=path,
        key=key,
        text=text,
        declaration=parse(mesh),
    )


def place(declaration: Declaration, node: str) -> tuple[str, ...]:
    """The path of a node inside the declaration.

    Raises:
        Problem: No node is called so.
    """
    for name, site in declaration.sites.items():
        if node in site.nodes:
            return ("sites", name, "nodes", node)
    names: Sequence[str] = sorted(n for site in declaration.sites.values() for n in site.nodes)
    raise Problem(
        where=f"node {node}",
        what="there is no such node",
        why=f"the nodes are {', '.join(names)}",
        fix="correct its name",
    )
