"""What these tests share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api_server import ApiServer, serving
from tests.e2e.fakes import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """An empty one."""
    return Bench(folder=tmp_path)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ApiServer]:
    """The lab's cloud API on paper, without anything in it."""
    with serving(tmp_path / "api") as server:
        yield server
