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
        description="List, export, check or replay the recordings of a recorder, or of any "
        "folder of recordings. The recorder may keep running.",
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
        ("list", "the recordings of each camera"),
        ("show", "gaps, events, clips and protected intervals of cameras"),
    ):
        parser = actions.add_parser(name, help=words, description=f"Show {words}.")
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
        description="Write an interval of one or several cameras to one file, with a list of its "
        "contents beside it. Several cameras become a grid, or tracks of an .mkv. Ends with 1 "
        "if frames of the recording could not be read, with 130 and without a file after Ctrl-C.",
    )
    add_export_arguments(parser)
    parser.set_defaults(run=_runner("export", "exports:export_recordings"))


def _add_verify(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "verify",
        help="compare every file with the index, and repair what differs",
        description="Compare every frame with its checksum, and every file with the index. Ends "
        "with 1 and the names of damaged files if something differs. The recorder may keep "
        "running; stop it for --repair.",
    )
    add_place_arguments(parser)
    add_camera_argument(parser)
    parser.add_argument(
        "--repair", action="store_true", help="show the repairs, ask, and make them"
    )
    parser.add_argument("--yes", action="store_true", help="with --repair: do not ask")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.set_defaults(run=_runner("verify", "checking:verify_recordings"))


def _add_protect(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "protect",
        help="keep an interval until it is unprotected",
        description="Protect an interval of recordings from deletion, until it is unprotected. The "
        "recorder may keep running. Without --camera: all cameras; without --to: until now.",
    )
    add_place_arguments(parser)
    add_range_arguments(parser)
    add_clip_argument(parser)
    parser.add_argument("--note", metavar="TEXT", help="why, shown by `list`")
    parser.add_argument("--json", action="store_true", help="for programs; times are UTC")
    parser.set_defaults(run=_runner("protect", "protecting:protect_recordings"))
    parser = actions.add_parser(
        "unprotect",
        help="end the protection of an interval",
        description="End the protection of intervals, by their numbers in `list`.",
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
        description="Show what `keep:` of the recorder will delete, when and why; delete nothing. "
        "Deletions by size are estimated from the last day of each camera.",
    )
    add_place_arguments(parser)
    parser.add_argument(
        "--within",
        type=interval,
        default=86_400.0,
        metavar="TIME",
        help="how far to look ahead, such as 12h or 7d (default: 1d)",
    )
    parser.add_argument("--json", action="store_true", help="for programs; times are UTC")
    parser.set_defaults(run=_runner("plan", "planning:plan_deletions"))


def _add_rebuild(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "rebuild",
        help="build the index again from the files",
        description="Build index.sqlite again from the files alone. Gaps, events, clips and "
        "protected intervals are copied from the old index as far as it can be read; the old index "
        "is kept under another name. Stop the recorder first.",
    )
    add_place_arguments(parser)
    parser.set_defaults(run=_runner("rebuild", "rebuilding:rebuild_recordings"))


def _add_replay(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = actions.add_parser(
        "replay",
        help="publish recorded cameras as if they were live",
        description="Publish recorded cameras to the broker of the site file, with their "
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
