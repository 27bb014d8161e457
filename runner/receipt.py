"""The receipt of a rollout: drawn ahead of it, and recorded whatever becomes of it.

Run as `python -m runner.receipt` with a recipe (see `backplane.recipe`) on its standard input. It
tells one line of JSON: ``receipt``, the recipe's digest and a token that is new in each run, and
``generations``, what each node is to run, by name.
"""

from __future__ import annotations

import json
import secrets
import sys

from backplane.recipe import Recipe

RECEIPT = "BACKPLANE_RECEIPT"
"""Names the receipt to the rollout that it is for."""


def main() -> int:
    """Write the receipt of the recipe on standard input."""
    recipe = Recipe.decode(sys.stdin.read())
    generations = {bundle.node: bundle.generation for bundle in recipe.bundles()}
    receipt = f"{recipe.digest()} {secrets.token_hex(8)}"
    sys.stdout.write(
        json.dumps({"receipt": receipt, "generations": generations}, sort_keys=True) + "\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
