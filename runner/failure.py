"""How a rollout fails: what the nodes said, one line each, and what to do."""

from __future__ import annotations

from collections.abc import Iterable

from runner.problem import RunnerError
from runner.ssh import JSON, Refused


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
    said = [*([f"no answer from {silent}"] if silent else []), *answer.get("reasons", ())]
    return Refused(
        f"{name}: {'; '.join(said)}.",
        "see that these nodes run; one that is meant to be down gets `offline: true`."
        if silent
        else "see the node's journal, then run `pulumi up` again.",
    )
