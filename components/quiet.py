"""What Pulumi's SDK says for its own authors goes to the engine only for who asks for it.

The SDK tells the engine several lines a resource about its inner life and waits for each to be
taken, though nobody sees them without `--debug`: 337 calls in a preview of five nodes, 0.6 of 3.8
seconds of processor time. The program is not told of `--debug`, hence a variable.
"""

from __future__ import annotations

import os

import pulumi

WANTED = "BACKPLANE_DEBUG"
"""The variable that has them sent, whatever it says."""

_said = pulumi.log.debug


def quiet() -> None:
    """Send no more of them, unless they are asked for; what is not debugging is said as before."""
    pulumi.log.debug = _said if WANTED in os.environ else _unsaid


def _unsaid(*_what: object, **_more: object) -> None:
    """Takes what `pulumi.log.debug` takes, and says nothing."""
