"""What runs on the machine that runs `pulumi up`: its tunnel, its SSH, the rollout's driver."""
