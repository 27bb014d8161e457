"""The lab's machines: real Debian systems, booted by systemd-nspawn on an overlay of the image."""
