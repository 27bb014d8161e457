"""What all levels share: who may run what here, and the real engine.

`engine` tests need the Pulumi engine (set-up makes it); `lab` tests need Linux and root as well;
`browser` tests need Debian's Chromium, which set-up installs where there is a lab.
Where one is missing they are left out and the closing lines say so; on CI that is a failure.
"""

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

from lab.setup import toolchain
from tests.browser.chromium import missing as browser_missing
from tests.pulumi_project import PulumiProject

# A busy machine must not fail a property; pytest's own time limit catches what hangs.
settings.register_profile("backplane", deadline=None)
settings.load_profile("backplane")

ON_CI = os.environ.get("CI", "").lower() in ("1", "true", "yes")


def lab_missing() -> str | None:
    """Why the lab level can't run here, in one clause; None if it can."""
    if sys.platform != "linux":
        return "the lab boots Linux machines, and this is no Linux"
    if os.geteuid() != 0:
        return "the lab makes network namespaces and machines, which needs root"
    return None


def engine_missing() -> str | None:
    """Why engine tests can't run here, in one clause; None if they can."""
    return None if toolchain.ready() else "the Pulumi engine is not set up (`make setup`)"


LEVELS = {"lab": lab_missing, "engine": engine_missing, "browser": browser_missing}
"""Why a level can't run here, by the folder of its tests."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make faults`: every fault, of which `make test` makes one of each kind."""
    parser.addoption("--every-fault", action="store_true", help="make every lock-out attempt")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by their folder, and leave out or fail what this machine cannot run.

    What is long is not of the gate at all, and so neither left out nor failed there.
    """
    if not config.getoption("--every-fault"):
        left = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if item not in left]
        config.hook.pytest_deselected(items=left)
    reasons = {level: missing() for level, missing in LEVELS.items()}
    for item in items:
        for level, reason in reasons.items():
            if f"{os.sep}tests{os.sep}{level}{os.sep}" in str(item.path):
                item.add_marker(level)
            if reason and item.get_closest_marker(level):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On CI nothing may be left out: a test that skips itself, for whatever reason, fails."""
    del item, call
    report = yield
    if ON_CI and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"CI must run everything, but this was left out: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which engine and plugins ran, and which levels did not."""
    terminalreporter.write_line(toolchain.announce())
    for level, missing in LEVELS.items():
        if reason := missing():
            terminalreporter.write_line(f"NOT RUN: the {level} level, since {reason}")


@pytest.fixture
def engine(tmp_path: Path) -> PulumiProject:
    """A throw-away Pulumi project, driven through the real engine.

    It has its own file backend and passphrase, one stack `test`, the cached engine and the plugins
    in use on PATH, and none of the caller's cloud or backend variables:

        def test_example(engine: PulumiProject) -> None:
            engine.program("import pulumi; pulumi.export('x', 1)")
            engine.up()
            assert engine.outputs() == {"x": 1}
            assert engine.steps() == {}          # a second preview shows no change

    See `tests/pulumi_project.py` for all verbs. What a test made stays in no place but `tmp_path`;
    things outside (servers, processes) are the test's own to clear, by `engine.destroy()`.
    Mark such tests `engine` unless they live in `tests/engine/`, where it is done for them.
    """
    return PulumiProject.make(tmp_path)
