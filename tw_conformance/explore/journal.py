"""What an exploration has found, line by line on disk: it can be broken off and gone on with.

Each line is whole when it is written; a last line that was cut off by a crash is passed over, and
cut off the file.  Nothing else of it is ever written again: it can be gone on with whenever the
process ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tw_conformance.model.errors import UsageError


class Journal:
    """The file of one exploration, which ``what`` names, as in «a sweep».  ``about`` is what has to
    be the same for it to be gone on with; ``lines`` are those of before, without it.  ``keep``:
    whether the file stays when it is closed.

    :raises UsageError: where the file is another exploration's, or can't be written.
    """

    def __init__(
        self, path: Path, about: Mapping[str, Any], what: str, *, keep: bool = True
    ) -> None:
        self.path = path
        self.keep = keep
        try:
            text = path.read_bytes() if path.exists() else b""
            whole = text[: text.rfind(b"\n") + 1]
            lines = list(_lines(path, whole, what))
            if lines and lines[0] != about:
                another = what.replace("a ", "another ", 1)
                raise UsageError(f"{path} is the journal of {another}: {_said(lines[0])}")
            self._file = path.open("a", encoding="utf-8")
            if whole != text:
                self._file.truncate(len(whole))
        except OSError as error:
            raise UsageError(f"{path} can't be used as a journal: {error.strerror}") from None
        if not lines:
            self.write(about)
        self.lines = lines[1:]

    def write(self, line: Mapping[str, Any]) -> None:
        """Add a line.

        :raises UsageError: where it can't be written, as on a full disk.
        """
        try:
            self._file.write(json.dumps(line) + "\n")
            self._file.flush()
        except OSError as error:
            raise UsageError(f"{self.path} can't be written: {error.strerror}") from None

    def close(self) -> None:
        """Write no more."""
        with suppress(OSError):  # of a line whose failure write() has told already
            self._file.close()
        if not self.keep:
            self.path.unlink(missing_ok=True)


def _lines(path: Path, whole: bytes, what: str) -> Iterator[dict[str, Any]]:
    for line in whole.splitlines():
        try:
            read = json.loads(line)
        except ValueError:
            raise UsageError(f"{path} is no journal of {what}") from None
        if not isinstance(read, dict):
            raise UsageError(f"{path} is no journal of {what}")
        yield read


def _said(about: Mapping[str, Any]) -> str:
    said = {key: value for key, value in about.items() if key != "alphabet"}
    return ", ".join(f"{key} {value}" for key, value in said.items()) or "nothing known"
