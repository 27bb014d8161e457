"""How a rollout fails: what the nodes said, one line each, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from runner.problem import RunnerError
from runner.ssh import JSON, Refused

if TYPE_CHECKING:
    from runner.member import Member


class Failed(RunnerError):  # noqa: N818 - how a rollout ended
    """What the nodes said, one line each, and what to do."""

    @classmethod
    def of(cls, phase: str, errors: Iterable[RunnerError]) -> Failed:
        """Join what several nodes said in one phase."""
        said = sorted({(error.what, error.fix) for error in errors})
        return cls(
            f"{phase} failed:\n" + "\n".join(f"  - {what}" for what, _ in said),
            " ".join(dict.fromkeys(fix for _, fix in said if fix)),
        )


def unwell(name: str, answer: JSON) -> Refused:
    """What a node's last look said: who is silent there, and what is not live as declared."""
    silent = ", ".join(map(str, answer["silent"]))
    ways = sorted(
        {
            f"{one['interface']} IPv{6 if ':' in address else 4}"
            for one in answer.get("details", ())
            for address in one["addresses"]
        }
    )
    where = f" on {', '.join(ways)}" if ways else ""
    said = [*([f"no answer from {silent}{where}"] if silent else []), *answer.get("reasons", ())]
    return Refused(
        f"{name}: {'; '.join(said)}.",
        "see that these nodes run; one that is meant to be down gets `offline: true`."
        if silent
        else "see the node's journal, then run `pulumi up` again.",
    )


def refuse_lost_keys(members: Sequence[Member], absent: Sequence[str]) -> None:
    """Refuse to change a plane's keys without a node that is to go on: it would be cut off.

    Raises:
        Failed: Some node changes its keys, and some node is not reached.
    """
    changing = sorted({plane for member in members for plane in member.before.get("rekeys", ())})
    if changing and absent:
        raise Failed(
            f"the keys of {', '.join(changing)} change, and {', '.join(absent)} would not know.",
            "run it when they answer again, or mark them `offline: true`: such a node is cut off "
            "and must be replaced (`backplane replace NODE`).",
        )
