"""`camfan recordings COMMAND`: what recorders wrote, listed, exported, checked, replayed."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from importlib import import_module

from camfan_nodes.recordings.choosing import (
    add_camera_argument,
    add_place_arguments,
    add_range_arguments,
)
from camfan_nodes.recordings.clips import add_clip_argument
from camfan_nodes.recordings.exports import add_export_arguments, interval
from camfan_nodes.recordings.replaying import add_replay_arguments
from camfan_nodes.shared.command import add_key_argument, end_with_code

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
    _add_verify(actions)
    _add_protect(actions)
    _add_plan(actions)
    _add_rebuild(actions)
    _add_replay(actions)


def _add_listing(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    for name, words in (
        ("list", "what there is of each camera"),
        ("show", "gaps, events, clips and protected intervals of cameras"),
    ):
        parser = actions.add_parser(name, help=words, description=f"Shows {words}.")
        add_place_arguments(parser)
        add_range_arguments(parser)
        if name == "list":
            parser.add_argument("--clips", action="store_true", help="the clips of each camera")
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


def _add_verify(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "verify",
        help="compare every file with the index, and repair what differs",
        description="Reads every frame and compares it with its checksum, every row with its file "
        "and every file with its rows. Ends with 0 if all is well, with 1 and the names of what is "
        "damaged otherwise. The recorder may run, but for --repair.",
    )
    add_place_arguments(parser)
    add_camera_argument(parser)
    parser.add_argument(
        "--repair", action="store_true", help="say what would repair it, ask, and do it"
    )
    parser.add_argument("--yes", action="store_true", help="with --repair: do it without asking")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=_runner("verify", "checking:verify_recordings"))


def _add_protect(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "protect",
        help="keep an interval for good",
        description="Protects what is recorded in an interval from being deleted, until it is "
        "unprotected. The recorder may run. Without --camera for all cameras; without --to until "
        "now.",
    )
    add_place_arguments(parser)
    add_range_arguments(parser)
    add_clip_argument(parser)
    parser.add_argument("--note", metavar="TEXT", help="why, shown by `list`")
    parser.add_argument("--json", action="store_true", help="for programs; times are UTC")
    parser.set_defaults(run=_runner("protect", "protecting:protect_recordings"))
    parser = actions.add_parser(
        "unprotect",
        help="let an interval be deleted again",
        description="Ends the protection of intervals, by their numbers as `list` shows them.",
    )
    add_place_arguments(parser)
    parser.add_argument(
        "id", type=int, nargs="+", metavar="NUMBER", help="number of a protected interval"
    )
    parser.add_argument("--json", action="store_true", help="for programs; times are UTC")
    parser.set_defaults(run=_runner("unprotect", "protecting:unprotect_recordings"))


def _add_plan(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "plan",
        help="what will be deleted next, when and why",
        description="Shows what `keep:` of the recorder will delete, when and why; deletes "
        "nothing. What is due by size is foreseen from the last day of each camera.",
    )
    add_place_arguments(parser)
    parser.add_argument(
        "--within",
        type=interval,
        default=86_400.0,
        metavar="TIME",
        help="how far to look ahead, such as 12h or 7d; 1d without it",
    )
    parser.add_argument("--json", action="store_true", help="for programs; times are UTC")
    parser.set_defaults(run=_runner("plan", "planning:plan_deletions"))


def _add_rebuild(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "rebuild",
        help="make the index again from the files",
        description="Makes index.sqlite again from the files alone. Gaps, events, clips and "
        "protected intervals are taken from the old index as far as it can be read; it stays "
        "beside under another name. Not while the recorder runs.",
    )
    add_place_arguments(parser)
    parser.set_defaults(run=_runner("rebuild", "rebuilding:rebuild_recordings"))


def _add_replay(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "replay",
        help="publish recorded cameras as if they were live",
        description="Publishes recorded cameras to the broker of the site file, with their "
        "original timing, numbers and capture times; their frames are marked `replayed`. With "
        "--path the recordings are those of a folder. Ends with 1 if frames could not be read.",
    )
    add_place_arguments(parser)
    add_range_arguments(parser)
    add_replay_arguments(parser)
    add_key_argument(parser)
    parser.set_defaults(run=_runner("replay", "replaying:replay_recordings"))


def _runner(name: str, place: str) -> Command:
    """The function of a command, whose module is imported when it runs."""
    module, _, function = place.partition(":")

    def run(arguments: argparse.Namespace) -> int:
        command: Command = getattr(import_module(f"camfan_nodes.recordings.{module}"), function)
        return end_with_code(f"{PROGRAM} {name}", lambda: command(arguments))

    return run
