"""The contract through the vendor's Go client, by `go test`."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.api.test_contract import CASES
from tests.api_server import ApiServer
from tests.conftest import ON_CI

MODULE = Path(__file__).parent / "go"
# The first build fetches the modules and compiles them; later ones come out of Go's own cache.
_LIMIT = 540


def test_both_lists_of_cases_are_the_same() -> None:
    """No case is held through one client only."""
    source = (MODULE / "contract_test.go").read_text()
    assert re.findall(r'^\t\{"(\w+)", \w+\},$', source, re.MULTILINE) == list(CASES)


def test_contract(api: ApiServer) -> None:
    """Every case holds through hcloud-go; what was not run is no success."""
    if shutil.which("go") is None:
        reason = "the contract's Go half needs `go` on PATH (https://go.dev/dl)"
        if ON_CI:
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(
        ["go", "test", "-count=1", "-v", "./..."],
        cwd=MODULE, env={**os.environ, **api.environment()}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=_LIMIT,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    passed = set(re.findall(r"--- PASS: TestContract/(\w+)", done.stdout))
    assert passed == set(CASES)
