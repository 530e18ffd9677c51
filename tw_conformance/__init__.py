"""A packet-level conformance suite for TCP's TIME-WAIT state."""

__version__ = "0.1.0"
