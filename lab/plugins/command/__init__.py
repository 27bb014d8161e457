"""Stand-in for the Pulumi plugin `command`: real processes and real SSH under the official tokens.

What runs when is the official provider's: an update runs `update`, else `create`, on any changed
input; changed `triggers` replace; the old connection serves the delete.
"""
