"""Exploration: the input space of TIME-WAIT walked, drawn from and asked about, on any target."""
