"""How the site file is given to a command: as `--config FILE`, or as FILE alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from camfan_config.site_file import DEFAULT, VARIABLE, NoSiteError, find_site_file

__all__ = ["DEFAULT", "VARIABLE", "NoSiteError", "add_config_argument", "find_site_file"]

HELP = f"site file (default: ${VARIABLE}, or {DEFAULT} in this folder)"


def add_config_argument(parser: argparse.ArgumentParser, *, alone: bool = False) -> None:
    """`alone`: FILE without `--config` as well, for a command that takes nothing else there."""
    parser.add_argument("--config", type=Path, action=_SingleFile, metavar="FILE", help=HELP)
    if alone:
        parser.add_argument(
            "config",
            type=Path,
            action=_SingleFile,
            metavar="FILE",
            nargs="?",
            help="the same as --config FILE",
        )


class _SingleFile(argparse.Action):
    """Rejects a second, different file."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[object] | Path | None,
        option_string: str | None = None,  # noqa: ARG002 - argparse passes it
    ) -> None:
        given = getattr(namespace, self.dest, None)
        if values is None or values == given:
            return
        if given is not None:
            parser.error(f"two site files: {given} and {values}")
        setattr(namespace, self.dest, values)
