"""End to end: two machines of a real cloud, from nothing to nothing, at a price told before."""
