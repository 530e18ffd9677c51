"""What keeps the reference from serving; each is one sentence that says what to do."""

from __future__ import annotations


class ServeError(Exception):
    """The link can't be had, or is there no more; ``exit_code`` is that of the command."""

    exit_code = 3


class UnknownName(ServeError):
    """The command line asks for something that is not there."""

    exit_code = 2
