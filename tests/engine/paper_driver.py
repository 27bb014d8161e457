"""`python -m tests.engine.paper_driver`: a rollout on paper, which makes bundles and sends none."""

import json
import sys

from backplane.recipe import Recipe
from runner.order import ordered

if __name__ == "__main__":
    _, generations = ordered(Recipe.decode(sys.stdin.read()))
    print(json.dumps(generations))  # noqa: T201 - what the driver tells
