"""`camfan reload`: the broker reads its site file again; nothing that runs is disturbed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from camfan import Site, load_site
from camfan_nodes.asking import ANSWER_S, ask
from camfan_nodes.command import EXIT_CONFIG, add_key_argument, end_with_code
from camfan_wire import messages


def add_reload_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "reload",
        help="have the broker read its site file again",
        description="The broker reads its site file again. A file with mistakes changes nothing.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    add_key_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    return end_with_code("camfan reload", lambda: _reload(args.config, args.key))


def ask_reload(site: Site, key: Path | None = None, wait_s: float = ANSWER_S) -> messages.Reloaded:
    """Have the broker read its file again; its answer. Raises NoAnswerError."""
    question = messages.Reload()
    return ask(site, question, messages.Reloaded, name="reload", key=key, wait_s=wait_s)


def _reload(config: Path, key: Path | None) -> int:
    answer = ask_reload(load_site(config), key)
    for line in answer.changed or ["nothing changed for the broker"]:
        print(line)  # noqa: T201 - the answer
    for line in answer.problems:
        sys.stderr.write(f"{line}\n")
    return EXIT_CONFIG if answer.problems else 0
