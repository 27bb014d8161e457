"""The Pulumi side, thin: resources and their wiring; texts and sums come from `backplane`."""
