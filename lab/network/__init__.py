"""The lab's internet: namespaces, veths and firewalls made of plain `ip` and `nft`."""
