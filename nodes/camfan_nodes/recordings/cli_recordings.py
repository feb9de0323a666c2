"""`camfan recordings COMMAND`: what recorders wrote, listed, exported, checked, replayed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module

from camfan_nodes.recordings.choosing import add_place_arguments, add_range_arguments
from camfan_nodes.recordings.exports import add_export_arguments
from camfan_nodes.shared.command import end_with_code

PROGRAM = "camfan recordings"
Command = Callable[[argparse.Namespace], int]


def add_recordings_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "recordings",
        help="list, export, check or replay what was recorded",
        description="Works on the recordings of a recorder of the site file, or on any folder of "
        "recordings. The recorder may run meanwhile.",
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    _add_listing(actions)
    _add_export(actions)


def _add_listing(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    for name, words in (
        ("list", "what there is of each camera"),
        ("show", "gaps, events, clips and protected intervals of cameras"),
    ):
        parser = actions.add_parser(name, help=words, description=f"Shows {words}.")
        add_place_arguments(parser)
        add_range_arguments(parser)
        parser.add_argument("--json", action="store_true", help="for programs; times are UTC")
        parser.set_defaults(run=_runner(name, f"listing:{name}_recordings"))


def _add_export(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "export",
        help="write an interval to one file",
        description="Writes an interval of one or several cameras to one file, and beside it a "
        "list of what is in it. Several cameras become a grid, or tracks of an .mkv. Ends with 1 "
        "if frames of the recording could not be read, with 130 and without a file after Ctrl-C.",
    )
    add_export_arguments(parser)
    parser.set_defaults(run=_runner("export", "exports:export_recordings"))


def _runner(name: str, place: str) -> Command:
    """The function of a command, whose module is imported when it runs."""
    module, _, function = place.partition(":")

    def run(arguments: argparse.Namespace) -> int:
        command: Command = getattr(import_module(f"camfan_nodes.recordings.{module}"), function)
        return end_with_code(f"{PROGRAM} {name}", lambda: command(arguments))

    return run
