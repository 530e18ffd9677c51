"""Where case files are: those that come with the suite, and those that a user names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

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

    :raises UsageError: where a path isn't there, or a folder has no such file.
    """
    files: list[Path] = []
    for path in map(Path, existing(paths)):
        if not path.is_dir():
            files.append(path)
            continue
        found = sorted(
            file
            for file in path.rglob("*")
            if file.suffix in SUFFIXES
            and not any(part.startswith(".") for part in file.relative_to(path).parts)
        )
        if not found:
            raise UsageError(f"no *.yaml or *.yml in {path}")
        files += found
    return list(dict.fromkeys(files))


def existing(paths: Iterable[str]) -> list[str]:
    """The paths; ``FILE::CASE``, as reports print it, is one too."""
    paths = list(paths)
    for path in paths:
        if not Path(path.partition("::")[0]).exists():
            raise UsageError(f"no such file or folder: {path}")
    return paths
