"""The profiles that a peer in TIME-WAIT can't tell apart."""

from __future__ import annotations

_ALIKE = (
    ["freebsd-10", "freebsd-13.0", "freebsd-13"],  # but for ECN, which a sysctl turns on and off
    ["freebsd-14.0", "freebsd-14", "freebsd-15"],  # but towards a local peer
    ["linux-5.10", "linux-5.15", "linux-6.1"],
    ["linux-6.12", "linux-6.14", "linux-6.18"],  # but when connect() takes a port, and elsewhere
)


_TELLS = {"freebsd-13.0": ["freebsd-13.0", "freebsd-13"]}
"""What shows by its defaults what another can't be: 10 misses no timestamps."""


def alike(name: str) -> list[str]:
    """All that answer as that profile does, itself among them, the oldest first."""
    if name in _TELLS:
        return _TELLS[name]
    return next((group for group in _ALIKE if name in group), [name])
