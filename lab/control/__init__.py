"""Switching a lab on and off, and asking it how it is."""
