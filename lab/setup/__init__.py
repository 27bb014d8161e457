"""Set-up: everything between a fresh clone and a running lab."""
