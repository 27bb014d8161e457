"""A change of a mesh as Markdown, for a pull request: what a reviewer asks, then the details."""

from backplane.report.page import LIMIT, About, invalid, report

__all__ = ["LIMIT", "About", "invalid", "report"]
