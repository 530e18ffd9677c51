"""Files that a run writes."""

from __future__ import annotations

import os
from pathlib import Path

from tw_conformance.report.files import write_whole


def test_a_pipe_is_written_to_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_whole(pipe, b"found")
        assert os.read(reader, 100) == b"found"
    finally:
        os.close(reader)
    assert pipe.is_fifo()


def test_a_link_is_followed(tmp_path: Path) -> None:
    link, file = tmp_path / "link", tmp_path / "file"
    link.symlink_to(file)
    write_whole(link, b"found")
    assert link.is_symlink()
    assert file.read_bytes() == b"found"
