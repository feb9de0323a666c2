"""`camfan`: each command has a module, and only the module of the given command is imported.

A camera on a small Pi must not pay for what the viewer needs.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

from camfan_nodes.shared.command import add_verbose_argument, log_to_stderr
from camfan_wire.terminal import forget_output, leaving_at_once

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]
    AddCommand = Callable[[Commands], None]

EXIT_UNREAD = 1  # standard output was closed before everything was written

_COMMANDS = {
    "init": "camfan_nodes.site.cli_init:add_init_command",
    "demo": "camfan_nodes.demo.cli_demo:add_demo_command",
    "up": "camfan_nodes.up.cli_up:add_up_command",
    "top": "camfan_nodes.top.cli_top:add_top_command",
    "trace": "camfan_nodes.site.cli_trace:add_trace_command",
    "view": "camfan_nodes.viewer.cli_view:add_view_command",
    "camera": "camfan_nodes.camera.cli_camera:add_camera_command",
    "cameras": "camfan_nodes.camera.cli_camera:add_cameras_command",
    "recorder": "camfan_nodes.recorder.cli_recorder:add_recorder_command",
    "record": "camfan_nodes.recorder.cli_record:add_record_command",
    "recordings": "camfan_nodes.recordings.cli_recordings:add_recordings_command",
    "motion": "camfan_nodes.motion.cli_motion:add_motion_command",
    "web": "camfan_nodes.web.cli_web:add_web_command",
    "password": "camfan_nodes.web.cli_password:add_password_command",
    "check": "camfan_nodes.site.cli_site:add_check_command",
    "show": "camfan_nodes.site.cli_site:add_show_command",
    "graph": "camfan_nodes.site.cli_site:add_graph_command",
    "diff": "camfan_nodes.site.cli_site:add_diff_command",
    "schema": "camfan_nodes.site.cli_site:add_schema_command",
    "reload": "camfan_nodes.site.cli_reload:add_reload_command",
    "keys": "camfan_nodes.keys.cli_keys:add_keys_command",
}


def main(argv: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if argv is None else argv
    _keep_quiet()
    try:
        with leaving_at_once():
            parser = parser_of(arguments)
        chosen = parser.parse_args(arguments)
        if chosen.verbose:
            log_to_stderr(verbose=True)
        run: Callable[[argparse.Namespace], int] = chosen.run
        code = run(chosen)
        sys.stdout.flush()
    except KeyboardInterrupt:  # before the command handles signals itself
        return 0
    except BrokenPipeError:  # `camfan show site.yaml | head`
        forget_output()
        return EXIT_UNREAD
    return code


def _keep_quiet() -> None:
    """Without a log, as in `camfan top`, no line of it is written over the screen."""
    for name in ("camfan", "camfan_wire"):
        logging.getLogger(name).addHandler(logging.NullHandler())


def parser_of(arguments: list[str]) -> argparse.ArgumentParser:
    """A parser for the given command; for all commands if none is given."""
    parser = argparse.ArgumentParser(
        prog="camfan",
        description="Video from many cameras for viewers, recorders, motion detectors and "
        "your own code, on your own machines.",
        epilog="The broker is a program of its own: broker --config site.yaml. Exit codes: 0 done, "
        "or stopped by Ctrl-C; 2 wrong arguments; 69 cannot start; 78 wrong configuration.",
    )
    parser.add_argument("--version", action="version", version=f"camfan {version('camfan')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    asked = arguments[0] if arguments and arguments[0] in _COMMANDS else None
    for name in [asked] if asked else _COMMANDS:
        _adder(_COMMANDS[name])(commands)
    for each in _leaves(commands):
        add_verbose_argument(each)
    return parser


def _leaves(commands: Commands) -> Iterator[argparse.ArgumentParser]:
    """The parsers of all commands, and of the tasks of a command that has some."""
    for parser in commands.choices.values():
        tasks = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
        if tasks:
            yield from _leaves(tasks[0])
        else:
            yield parser


def _adder(place: str) -> AddCommand:
    module, _, function = place.partition(":")
    adder: AddCommand = getattr(import_module(module), function)
    return adder
