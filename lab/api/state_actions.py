"""Actions: the record of asynchronous work and the locks that follow from it."""

from __future__ import annotations

from lab.api.errors import ApiError
from lab.api.state import Action, Server, State

KEPT = 20_000
"""Finished actions beyond this number are forgotten, oldest first."""
_NOT_LOCKING = frozenset({"apply_firewall", "remove_firewall"})


def begin(state: State, command: str, now: str, *resources: tuple[str, int]) -> Action:
    """Start an action on these (type, id) resources."""
    action = Action(id=state.take_id(), command=command, resources=list(resources), started=now)
    state.actions[action.id] = action
    if len(state.actions) > KEPT:
        for old in [one.id for one in state.actions.values() if one.status != "running"][
            : len(state.actions) - KEPT
        ]:
            del state.actions[old]
    return action


def end(action: Action, now: str, error: str | None = None) -> None:
    """Finish an action; with an error text it failed."""
    action.finished = now
    action.status = "success" if error is None else "error"
    if error is not None:
        action.error_code = "action_failed"
        action.error_message = error


def done(state: State, command: str, now: str, *resources: tuple[str, int]) -> Action:
    """An action that took no time."""
    action = begin(state, command, now, *resources)
    end(action, now)
    return action


def busy(state: State, server: Server) -> bool:
    """Whether an action that locks the server runs."""
    return any(
        action.status == "running"
        and ("server", server.id) in action.resources
        and action.command not in _NOT_LOCKING
        for action in state.actions.values()
    )


def check_unlocked(state: State, server: Server) -> None:
    """Refuse while the server is locked by another action."""
    if busy(state, server):
        raise ApiError("locked", f"server {server.name} is locked: another action is running")
