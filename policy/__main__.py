"""Serves the pack to the engine: `pulumi up --policy-pack policy`."""

import sys
from pathlib import Path

from pulumi_policy import EnforcementLevel, PolicyPack

# The engine starts this file from anywhere.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from policy.pack import policies

PolicyPack("backplane", policies(), enforcement_level=EnforcementLevel.MANDATORY)
