"""The tour is what `make tour` writes: words from the script, boxes from a run."""

from __future__ import annotations

import re
import shlex

import pytest
from typer.testing import CliRunner

from scripts import cli
from tests.bench import tour

_BOX = re.compile(r"```text\n\$ (.*)\n((?:.*\n)*?)```")


def test_what_stands_between_the_boxes_is_the_scripts() -> None:
    """Nobody edits the page by hand; every stop is there, in order, and printed something."""
    text = tour.PAGE.read_text(encoding="utf-8")
    boxes = _BOX.findall(text)
    assert [command for command, _ in boxes] == [stop.command for stop in tour.STOPS]
    assert all(printed.strip() for _, printed in boxes)
    assert tour.page(printed for _, printed in boxes) == text


def test_it_names_no_place_of_the_computer_it_was_made_on() -> None:
    """No absolute path, no colour; the picture is there."""
    text = tour.PAGE.read_text(encoding="utf-8")
    assert not re.search(r"(?<![\w.`])/(?:tmp|root|home|usr|var|work)/", text)
    assert "\x1b" not in text
    assert "</svg>" in tour.PICTURE.read_text(encoding="utf-8")


@pytest.mark.parametrize("stop", tour.STOPS, ids=lambda stop: stop.title)
def test_its_commands_exist(stop: tour.Stop) -> None:
    """Each of ours has that verb, and each option of it stands in its help."""
    program, *words = shlex.split(stop.command)
    if program == "backplane":
        verb = [word for word in words if not word.startswith("-")][:2]
        told = CliRunner().invoke(cli.build(verb), [*verb, "--help"])
        if told.exit_code:
            verb = verb[:1]
            told = CliRunner().invoke(cli.build(verb), [*verb, "--help"])
        assert told.exit_code == 0
        assert all(word in told.output for word in words if word.startswith("--"))
    else:
        assert program == "pulumi"
