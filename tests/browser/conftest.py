"""One Chromium for all tests of a page, and the pages that it looks at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backplane.map import page
from tests.browser.chromium import Browser, browser

Written = Callable[[dict[str, Any]], Path]


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium with a fresh profile."""
    with browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Writes the page of a map, and tells where."""
    folder = tmp_path_factory.mktemp("pages")

    def write(told: dict[str, Any]) -> Path:
        path = folder / f"{len(list(folder.iterdir()))}.html"
        path.write_text(page(told), encoding="utf-8")
        return path

    return write
