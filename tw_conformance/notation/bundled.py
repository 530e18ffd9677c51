"""Where case files are: those that come with the suite, and those that a user names."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn

import tw_conformance
from tw_conformance.model.errors import UsageError

SUFFIXES = (".yaml", ".yml")


def bundled_cases() -> Path:
    """The folder of the cases that come with the suite: in an installed package inside it, in a
    checkout beside it.

    :raises UsageError: where there is neither.
    """
    package = Path(tw_conformance.__file__).parent
    for folder in (package / "cases", package.parent / "cases"):
        if folder.is_dir():
            return folder
    raise UsageError("no bundled cases here; name a file or a folder")


def case_files(paths: Iterable[str]) -> list[Path]:
    """Files as named; of a folder, every YAML file below it, hidden ones excepted, in order.

    What is no regular file (a FIFO, a link to itself) is passed over in a folder.

    :raises UsageError: where a path isn't there or is no regular file, or a folder has no such file
        or can't be read.
    """
    files: list[Path] = []
    for path in map(Path, existing(paths)):
        if not path.is_dir():
            if not path.is_file():
                raise UsageError(f"{path} is no regular file: write the cases into one")
            files.append(path)
            continue
        found = sorted(_below(path))
        if not found:
            raise UsageError(f"no *.yaml or *.yml in {path}")
        files += found
    return list(dict.fromkeys(files))


def _below(folder: Path) -> Iterator[Path]:
    def refuse(error: OSError) -> NoReturn:
        raise UsageError(f"{error.filename} can't be read: {error.strerror}")

    for place, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        files = (Path(place, name) for name in names if not name.startswith("."))
        yield from (file for file in files if file.suffix in SUFFIXES and file.is_file())


def existing(paths: Iterable[str]) -> list[str]:
    """The paths; ``FILE::CASE``, as reports print it, is one too."""
    paths = list(paths)
    for path in paths:
        if not Path(path.partition("::")[0]).exists():
            raise UsageError(f"no such file or folder: {path}")
    return paths
