"""`camfan reload`: the broker reads its site file again, and connections stay."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from camfan import load_site
from camfan_config import EXIT_CONFIG
from camfan_config.text.printable import printable
from camfan_nodes.shared.asking import ask_reload
from camfan_nodes.shared.command import add_key_argument, end_with_code
from camfan_nodes.shared.site_file import add_config_argument, find_site_file


def add_reload_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "reload",
        help="make the broker read its site file again",
        description="Make the broker read its site file again. A file with mistakes changes "
        "nothing.",
    )
    add_config_argument(parser, alone=True)
    add_key_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    return end_with_code("camfan reload", lambda: _reload(find_site_file(args.config), args.key))


def _reload(config: Path, key: Path | None) -> int:
    answer = ask_reload(load_site(config), key)
    for line in answer.changed or ["nothing changed for the broker"]:
        print(printable(line))  # noqa: T201 - the answer
    for line in answer.problems:
        sys.stderr.write(f"{printable(line)}\n")
    return EXIT_CONFIG if answer.problems else 0
