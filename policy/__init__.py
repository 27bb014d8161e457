"""The policy pack: the rules of `backplane.policy` inside Pulumi's engine."""
