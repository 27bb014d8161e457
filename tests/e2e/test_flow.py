"""A run with programs in the places of pulumi and backplane: order, failures, signals, sweep."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from typing import Any

import pytest

from tests.e2e.attention import interruptible
from tests.e2e.clouds import HETZNER
from tests.e2e.fakes import ADDRESSES, ALL, STACK, Bench, FileAccount
from tests.e2e.flow import FAILED, LEFT, WELL, Flow
from tests.e2e.offer import LIMITS
from tests.e2e.report import Report


def _flow(bench: Bench, **more: Any) -> Flow:  # noqa: ANN401 - any of its fields
    said: list[str] = []
    report = Report(cloud="x", stack=STACK, began="now", toolchain="none", offer="free")
    given: dict[str, Any] = {
        "cloud": HETZNER,
        "account": FileAccount(things=bench.things),
        "stack": STACK,
        "commands": bench.commands(said),
        "report": report,
        "say": said.append,
        "ipv6": lambda: True,
        "tidy": lambda _: None,
        "pause": 0.01,
    }
    return Flow(**(given | more))


def _outcomes(flow: Flow) -> dict[str, str]:
    return {step.name: step.outcome for step in flow.report.steps}


def test_a_run_does_all_of_it_in_order(bench: Bench) -> None:
    """From an empty account to an empty account; each step is in the report with its seconds."""
    bench.usual()
    flow = _flow(bench)
    assert flow.go() == WELL == flow.report.code
    assert bench.asked() == ALL
    assert list(_outcomes(flow)) == list(LIMITS)
    assert set(_outcomes(flow).values()) == {"well"}
    details = {step.name: step.detail for step in flow.report.steps}
    assert details["up"] == "2 things carry the label"
    assert details["audit"] == "dark: 0 findings"
    assert flow.report.left == []


@pytest.mark.parametrize(
    ("program", "more", "step"),
    [
        ("pulumi", "[ $1$2 != stackinit ] || exit 1", "stack"),
        ("pulumi", "[ $1 != up ] || exit 1", "up"),
        ("backplane", "exit 1", "verify"),
        ("pulumi", "[ $1 != preview ] || exit 1", "second preview"),
        ("pulumi", "[ $1 != destroy ] || exit 1", "destroy"),
    ],
)
def test_what_fails_ends_it_and_all_is_swept(
    bench: Bench, program: str, more: str, step: str
) -> None:
    """No later step is begun but destroy, and the sweep leaves nothing though destroy fails."""
    bench.usual()
    path = bench.folder / "bin" / program
    path.write_text(path.read_text().replace("\ncase", f"\n{more}\ncase") + f"\n{more}\n")
    bench.things.write_text("server\naddress\n")
    tidied: list[str] = []
    flow = _flow(bench, tidy=tidied.append)
    assert flow.go() == FAILED == flow.report.code
    outcomes = _outcomes(flow)
    assert "ended with" in outcomes[step]
    after = list(outcomes)[list(outcomes).index(step) + 1 :]
    begun = [] if step in ("stack", "destroy") else ["destroy"]
    assert after == [*begun, "sweep", "tunnel"]
    assert (flow.report.left, bench.things.read_text().split()) == ([], [])
    assert tidied == [STACK]


def test_a_half_made_mesh_is_swept(bench: Bench) -> None:
    """What a failed `up` made and its state does not know: the label is enough."""
    bench.usual()
    flow = _flow(bench, commands=bench.commands([], PULUMI_UP_FAILS="1"))
    bench.program("pulumi", f"[ $1 != up ] || {{ echo server >'{bench.things}'; exit 255; }}")
    assert flow.go() == FAILED
    assert _outcomes(flow)["sweep"] == "well"
    assert bench.things.read_text().split() == []


def test_a_dearer_price_makes_nothing(bench: Bench) -> None:
    """Not one program is asked; the account is looked at all the same."""
    bench.usual()
    flow = _flow(bench, account=FileAccount(things=bench.things, prices=["it is dearer"]))
    assert flow.go() == FAILED
    assert bench.asked() == []
    assert _outcomes(flow) == {"price list": "it is dearer", "sweep": "well", "tunnel": "well"}


def test_an_audit_that_finds_or_proves_nothing_fails(bench: Bench) -> None:
    """`backplane audit` says which of the two by its words, and that it failed by its exit code."""
    bench.usual()
    bench.program("backplane", "[ $1 != audit ] || exit 1")
    flow = _flow(bench)
    assert flow.go() == FAILED
    assert _outcomes(flow)["audit"] == "backplane audit ended with 1"
    assert "second preview" not in _outcomes(flow)


def test_without_ipv6_here_that_is_left_out_and_said(bench: Bench) -> None:
    """The audit would not call silence dark that it cannot hear."""
    bench.usual()
    assert _flow(bench, ipv6=lambda: False).go() == WELL
    assert f"backplane audit --stack {STACK} --without ipv6" in bench.asked()


@pytest.mark.parametrize(
    ("endpoint", "has", "word"),
    [
        ("198.51.100.99", ADDRESSES, "198.51.100.99 is no address with the label"),
        (ADDRESSES[0], (*ADDRESSES, "192.0.2.3"), "192.0.2.3 has the label and no output names it"),
    ],
)
def test_nobody_else_is_knocked_on(
    bench: Bench, endpoint: str, has: tuple[str, ...], word: str
) -> None:
    """What the outputs name and the account does not is not audited; nor is one left out."""
    bench.usual(endpoint=endpoint)
    flow = _flow(bench, account=FileAccount(things=bench.things, has=has))
    assert flow.go() == FAILED
    assert word in _outcomes(flow)["audit"]
    assert not [line for line in bench.asked() if line.startswith("backplane audit")]


def test_what_destroy_leaves_is_a_finding(bench: Bench) -> None:
    """The sweep takes it away; that it was there is said, and the run has failed."""
    bench.usual()
    pulumi = bench.folder / "bin" / "pulumi"
    pulumi.write_text(pulumi.read_text().replace("destroy) :", "destroy) echo address"))
    flow = _flow(bench)
    assert flow.go() == FAILED
    assert _outcomes(flow)["look"] == "destroy left address (1)"
    assert _outcomes(flow)["sweep"] == "well"


def test_what_cannot_be_swept_is_the_loudest(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another exit code than any other failure, and the report lists what is paid for."""
    bench.usual()
    monkeypatch.setattr(
        "tests.e2e.flow.sweep", lambda account, stack, *_, **__: account.found(stack)
    )
    flow = _flow(bench, account=FileAccount(things=bench.things, stuck=True))
    bench.program("pulumi", f"[ $1 != up ] || {{ echo server >'{bench.things}'; exit 255; }}")
    assert flow.go() == LEFT == flow.report.code
    assert flow.report.left == ["server (1)"]
    assert "Still there, and paid for:\n\n- server (1)" in flow.report.markdown()


def test_an_error_of_ours_is_swept_as_well(bench: Bench) -> None:
    """An exception that nobody thought of is a failed step, not an account that stays full."""
    bench.usual()

    def broken() -> bool:
        raise ValueError("nobody thought of it")

    flow = _flow(bench, ipv6=broken)
    assert flow.go() == FAILED
    assert _outcomes(flow)["audit"] == "ValueError: nobody thought of it"
    assert _outcomes(flow)["sweep"] == "well"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_pulumi_in_order_and_sweeps(bench: Bench, number: int) -> None:
    """Pulumi gets SIGINT, whatever came; nothing more is begun; a second signal is not heard."""
    bench.usual()
    mark = bench.folder / "interrupted"
    bench.program(
        "pulumi",
        f"[ $1 != up ] || {{ trap 'echo x >{mark}; exit 1' INT; echo server >'{bench.things}';"
        "  while :; do sleep 0.05; done; }",
    )
    ending: list[str] = []

    def strike() -> None:
        while not bench.things.exists():
            time.sleep(0.02)
        os.kill(os.getpid(), number)

    with interruptible(ending.append) as attention:
        thread = threading.Thread(target=strike)
        thread.start()

        def again() -> None:
            attention.deafen()
            os.kill(os.getpid(), number)

        commands = bench.commands([], attention=attention)
        flow = _flow(bench, deaf=again, commands=commands)
        assert flow.go() == 128 + number == flow.report.code
        thread.join()
    assert mark.exists()
    assert list(_outcomes(flow)) == ["price list", "stack", "up", "sweep", "tunnel"]
    assert (_outcomes(flow)["up"], _outcomes(flow)["sweep"]) == ("cut", "well")
    assert bench.things.read_text().split() == []
    assert ending == [f"{signal.Signals(number).name}: not before what was made is gone"]


def test_a_report_is_written_for_people_and_programs(bench: Bench) -> None:
    """The same in both; while nobody could look, it does not say that nothing is left."""
    bench.usual()
    flow = _flow(bench)
    assert "Nobody could look" in flow.report.markdown()
    flow.go()
    flow.report.write(bench.folder)
    told = json.loads((bench.folder / "report.json").read_text())
    assert (told["code"], told["left"], len(told["steps"])) == (0, [], len(LIMITS))
    text = (bench.folder / "report.md").read_text()
    assert "Nothing carries the label any more." in text
    for step in told["steps"]:
        assert f"| {step['name']} | {step['seconds']:.1f} | well |" in text
