"""One value changed in a YAML text, and nothing else: comments, order and layout stay as they are.

The parser tells where a value stands, the text is changed there, and the result is read back: an
edit that would mean anything but that one change (in a block that is shared by an anchor, say) is
refused.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

_ENDLESS = 1_000_000
"""Characters that a line may have before the library breaks it."""

Value = int | str | bool | Mapping[str, Any]
"""A mapping is written in one line."""


class CannotEdit(Exception):  # noqa: N818 - says what cannot be done
    """The text has no place for this value that changes nothing else; the message says why."""


def put(text: str, path: Sequence[str], value: Value) -> str:
    """The text with `value` at `path`; mappings that are missing on the way are written.

    Raises:
        CannotEdit: It cannot be done without changing something else.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        wanted = _with(yaml.safe_load(text), path, value)
        changed = _changed(text, root, path, value)
        if yaml.safe_load(changed) == wanted:
            return changed
    except yaml.YAMLError as error:
        raise CannotEdit(f"the file is not plain YAML: {error}") from error
    raise CannotEdit(f"{'.'.join(path)} is shared with other parts of the file")


def drop(text: str, path: Sequence[str]) -> str:
    """The text without what stands at `path`; a mapping that it leaves empty goes with it.

    Raises:
        CannotEdit: It cannot be done without changing something else.
    """
    try:
        wanted = _apart(yaml.safe_load(text))
        above = wanted
        for word in path[:-1]:
            above = above[word]
        del above[path[-1]]
        if not above and path[:-1]:
            return drop(text, path[:-1])
        changed = _without(text, yaml.compose(text, Loader=yaml.SafeLoader), path)
        if yaml.safe_load(changed) == wanted:
            return changed
    except (KeyError, TypeError) as error:
        raise CannotEdit(f"there is no {'.'.join(path)}") from error
    except yaml.YAMLError as error:
        raise CannotEdit(f"the file is not plain YAML: {error}") from error
    raise CannotEdit(f"{'.'.join(path)} is shared with other parts of the file")


def _without(text: str, node: yaml.Node | None, path: Sequence[str]) -> str:
    for word in path[:-1]:
        node = _below(node, word)
    if not isinstance(node, yaml.MappingNode):
        raise CannotEdit(f"what holds {'.'.join(path)} is no mapping")
    places = [place for place, (key, _) in enumerate(node.value) if key.value == path[-1]]
    if len(places) != 1:
        raise CannotEdit(f"{'.'.join(path)} does not stand there once")
    (place,) = places
    key, value = node.value[place]
    begin, end = key.start_mark.index, _end(value)
    if node.flow_style:
        if place + 1 < len(node.value):
            after = node.value[place + 1][0].start_mark.index
            gap, end = text[end:after], after
        elif place:
            before = node.value[place - 1][1].end_mark.index
            gap, begin = text[before:begin], before
        else:
            gap = ""
        if "#" in gap:
            raise CannotEdit(f"a comment beside {'.'.join(path)} would go with it")
        return text[:begin] + text[end:]
    begin = text.rfind("\n", 0, begin) + 1
    if text[end - 1 : end] != "\n":
        line = text.find("\n", end)
        end = len(text) if line < 0 else line + 1
    return text[:begin] + text[end:]


def _with(document: Any, path: Sequence[str], value: Value) -> Any:  # noqa: ANN401 - any YAML
    """The document as it must read afterwards, nothing in it shared."""
    whole = _apart(document)
    at = whole
    for word in path[:-1]:
        if not isinstance(at, dict):
            break
        if at.get(word) is None:
            at[word] = {}
        at = at[word]
    if not isinstance(at, dict):
        raise CannotEdit(f"what should hold {'.'.join(path)} is no mapping")
    at[path[-1]] = value
    return whole


def _apart(value: Any) -> Any:  # noqa: ANN401 - any YAML
    if isinstance(value, dict):
        return {key: _apart(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_apart(below) for below in value]
    return copy.copy(value)


def _changed(text: str, node: yaml.Node | None, path: Sequence[str], value: Value) -> str:
    for depth, word in enumerate(path):
        found = _below(node, word)
        if found is None:
            return _inserted(text, node, path[depth:], value)
        node = found
    return _replaced(text, node, _written(value))


def _below(node: yaml.Node | None, word: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((below for key, below in node.value if key.value == word), None)


def _replaced(text: str, node: yaml.Node | None, written: str) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise CannotEdit("there is more than one value where one should be")
    start, end = node.start_mark.index, node.end_mark.index
    # `key:` with nothing behind it
    space = " " if start == end and text[start - 1 : start] == ":" else ""
    return text[:start] + space + written + text[end:]


def _inserted(text: str, node: yaml.Node | None, path: Sequence[str], value: Value) -> str:
    entry = _flow(path, value)
    if isinstance(node, yaml.ScalarNode):
        if node.value:
            raise CannotEdit(f"what should hold {'.'.join(path)} is no mapping")
        return _replaced(text, node, f"{{{entry}}}")
    if not isinstance(node, yaml.MappingNode):
        raise CannotEdit(f"what should hold {'.'.join(path)} is no mapping")
    if node.flow_style:
        at = node.value[-1][1].end_mark.index if node.value else node.start_mark.index + 1
        return text[:at] + (", " if node.value else "") + entry + text[at:]
    indent = " " * node.value[0][0].start_mark.column
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = "".join(f"{indent}{line}{newline}" for line in _block(path, value))
    end = _end(node)
    line = text.find("\n", end) + 1 if text[end - 1 : end] != "\n" else end
    if line == 0:
        return text + newline + lines
    return text[:line] + lines + text[line:]


def _end(node: yaml.Node) -> int:
    """Where the last value inside ends; a block's own end is behind the comments that follow it."""
    while isinstance(node, (yaml.MappingNode, yaml.SequenceNode)) and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return node.end_mark.index


def _flow(path: Sequence[str], value: Value) -> str:
    text = _written(value)
    for word in reversed(path[1:]):
        text = f"{{{_key(word)}: {text}}}"
    return f"{_key(path[0])}: {text}"


def _key(word: str) -> str:
    """A key, in quotes where YAML would read it as something else: `on`, `7`, `null`."""
    try:
        plain = yaml.safe_load(f"{{{word}: 0}}") == {word: 0}
    except yaml.YAMLError:
        plain = False
    return word if plain else json.dumps(word, ensure_ascii=False)


def _block(path: Sequence[str], value: Value) -> list[str]:
    """The entry as lines: a level of its own as block, what is below that in one line."""
    if len(path) <= 2:  # noqa: PLR2004 - a mapping with one value fits its line
        return [_flow(path, value)]
    return [f"{_key(path[0])}:", f"  {_flow(path[1:], value)}"]


def _written(value: Value) -> str:
    """A value in YAML's flow style, on one line."""
    if not isinstance(value, Mapping):
        return json.dumps(value, ensure_ascii=False)
    text: str = yaml.safe_dump(
        dict(value), default_flow_style=True, sort_keys=False, width=_ENDLESS, allow_unicode=True
    )
    return text.strip()
