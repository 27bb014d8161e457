"""The lab's images: real Debian trees, built once from the host's own Debian mirror."""
