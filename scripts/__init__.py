"""What people use: one verb of the command `backplane` per module."""
