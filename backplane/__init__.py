"""The pure core: from a declaration to a plan to text, without any effect."""
