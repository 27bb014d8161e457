"""The stranger: somebody on the same internet who knocks on everything, all the time."""
