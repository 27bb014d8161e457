"""Stand-in Pulumi plugins, used only where the official ones cannot be had."""
