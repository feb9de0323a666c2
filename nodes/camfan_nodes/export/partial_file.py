"""A file that gets its name when it is whole, and of which nothing is left otherwise."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from types import TracebackType


class PartialFile:
    """`path` is where to write; without `commit` it is removed at the end of `with`."""

    def __init__(self, final: Path) -> None:
        self._final = final
        self.path = final.with_name(f".{final.name}.{secrets.token_hex(4)}.part")

    def commit(self) -> None:
        """It is on the disk under its final name when this returns. Raises OSError."""
        with self.path.open("rb+") as file:
            os.fsync(file.fileno())
        self.path.rename(self._final)

    def __enter__(self) -> PartialFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.path.unlink(missing_ok=True)
