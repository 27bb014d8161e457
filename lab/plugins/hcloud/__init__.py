"""Stand-in for the Pulumi plugin `hcloud`, on the vendor's Python client.

It does what the official provider (terraform-provider-hcloud 1.68, bridged) does for the resources
this program uses, against whatever endpoint is configured, so it also works on the real cloud.
What it cannot do (networks, ISO images, rescue mode, floating IPs, load balancers) it refuses.
"""
