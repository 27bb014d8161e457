"""Hetzner's error shape: `{"error": {"code", "message", "details"}}` and its HTTP status."""

from __future__ import annotations

from collections.abc import Mapping

STATUS: Mapping[str, int] = {
    "json_error": 400,
    "unauthorized": 401,
    "resource_limit_exceeded": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "uniqueness_error": 409,
    "conflict": 409,
    "resource_unavailable": 412,
    "locked": 423,
    "protected": 423,
    "server_error": 500,
}
"""HTTP status by error code; a code that is not listed is a 422, as all operation errors are."""

UNPROCESSABLE = 422


class ApiError(Exception):
    """A request is refused; carries what the client is told.

    Attributes:
        code: The fixed code for programs.
        message: The sentence for people.
        details: Further data, for `invalid_input` the fields with their messages.
        status: The HTTP status.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        details: Mapping[str, object] | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.details = details
        self.status = status if status is not None else STATUS.get(code, UNPROCESSABLE)

    def payload(self) -> dict[str, object]:
        """The body of the answer."""
        return {"error": {"code": self.code, "message": self.message, "details": self.details}}


def invalid(field: str, *messages: str) -> ApiError:
    """An `invalid_input` about one field."""
    return invalid_fields({field: list(messages)})


def invalid_fields(fields: Mapping[str, list[str]]) -> ApiError:
    """An `invalid_input` about several fields, all told at once."""
    named = ", ".join(f"'{name}' ({'; '.join(messages)})" for name, messages in fields.items())
    return ApiError(
        "invalid_input",
        f"invalid input in field {named}",
        details={"fields": [{"name": name, "messages": list(m)} for name, m in fields.items()]},
    )


def not_found(kind: str, key: int | str) -> ApiError:
    """A resource that is not there."""
    return ApiError("not_found", f"{kind} with ID '{key}' not found")
