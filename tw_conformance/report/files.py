"""Files that a run writes: known to be writable before it, and there whole or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from tw_conformance.model.errors import UsageError


def check_writable(file: Path, option: str) -> None:
    """:raises UsageError: where a file of that name can't be written; ``option`` asked for it."""
    folder = file.parent
    if file.is_dir():
        raise UsageError(f"{option} {file}: this is a folder; name a file in it")
    if not folder.is_dir():
        raise UsageError(f"{option} {file}: there is no folder {folder}")
    if not os.access(folder, os.W_OK) or (file.exists() and not os.access(file, os.W_OK)):
        raise UsageError(f"{option} {file}: it can't be written: permission denied")


def write_whole(file: Path, content: bytes) -> None:
    """Write a file, which appears whole or stays as it was; its folder is made where there is none.
    What is no file, as a device or a pipe, is written to and stays what it is.

    :raises OSError: where it can't be written.
    """
    if file.exists() and not file.is_file():
        file.write_bytes(content)
        return
    file = file.resolve()
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".tw-", suffix=file.suffix)
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        unfinished.chmod(0o644)
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
