"""The audit from outside: what to try on a mesh's public addresses, and what an answer means."""
