"""What every part of a declaration is made of: a strict model, and the fields that recur."""

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
)
from pydantic_core import PydanticCustomError

from backplane.rule import NAME_PATTERN
from backplane.rules import RULES

Name = Annotated[StrictStr, Field(pattern=NAME_PATTERN)]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
Mbit = Annotated[StrictInt, Field(ge=1, le=100_000)]


def whole(value: Any, handler: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401 - any of them
    """One mistake at the value's own place, for a value that may be one of several kinds."""
    try:
        return handler(value)
    except ValidationError:
        raise PydanticCustomError("none_of_them", "") from None


class Model(BaseModel):
    """Unknown keys are refused, nothing is coerced, nothing changes after parsing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @classmethod
    def described(cls, prefix: str) -> None:
        """Give each field its rule as description, for the editor's schema."""
        for name, info in cls.model_fields.items():
            info.description = RULES[f"{prefix}{name}"].rule
        cls.model_rebuild(force=True)
