"""Faults that are made to happen; docs/faults.md shows them."""
