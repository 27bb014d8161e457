"""Reading a request, which the runner makes: what is missing in it is a mismatch of versions."""

from collections.abc import Mapping
from typing import Any, TypeVar

from node.errors import Refused

Request = Mapping[str, Any]
Answer = dict[str, Any]
T = TypeVar("T")

AGAIN = "run `pulumi up` again"


def ask(request: Request, name: str, kind: type[T]) -> T:
    """A field of the request.

    Raises:
        Refused: It is missing or of another kind.
    """
    value: object = request.get(name)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise Refused(
            f"the request lacks {name} ({kind.__name__})",
            f"{AGAIN}; if it stays, the runner and the tool differ in version",
        )
    return value
