"""A project of a test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scripts.test_edit import PROD


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose stack `prod` is ours, with nothing else around it."""
    (tmp_path / "Pulumi.yaml").write_text("name: backplane\nstackConfigDir: stacks\n")
    path = tmp_path / "stacks" / "Pulumi.prod.yaml"
    path.parent.mkdir()
    path.write_text(PROD)
    path.chmod(0o640)
    monkeypatch.chdir(tmp_path)
    return path
