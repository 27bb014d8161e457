"""One server on paper for all tests of a module that only add and remove their own things."""

from collections.abc import Iterator

import pytest

from tests.api_server import ApiServer, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A running server."""
    with serving(tmp_path_factory.mktemp("api")) as server:
        yield server
