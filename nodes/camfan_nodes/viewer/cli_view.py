"""`camfan view`: opens the window and closes it again. Prints, exits and hears signals."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from camfan import CamfanError, Subscriber
from camfan.address import camera_patterns
from camfan_config import Site, load_site, select, title_of
from camfan_config.site.pace import planned_pace
from camfan_nodes.shared.command import MissingExtraError, add_key_argument, end_with_code
from camfan_nodes.shared.service import stop_on_signals
from camfan_nodes.shared.site_file import add_config_argument, find_site_file

START_SIZE = (1280, 800)


class NoDisplayError(CamfanError):
    """This terminal has no screen that a window could be on."""


def add_view_command(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = subparsers.add_parser(
        "view",
        help="show cameras in a window",
        description="Show cameras in a window. Press ? in the window for its keys.",
    )
    parser.add_argument(
        "cameras", nargs="*", metavar="CAMERA", help="a name or a glob; default: all"
    )
    add_config_argument(parser, alone=True)
    add_key_argument(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    return end_with_code("camfan view", lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    site = load_site(find_site_file(arguments.config))
    cameras = _choose(site, arguments.cameras)
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        import pygame
    except ImportError:
        raise MissingExtraError("the window", "pygame", "desktop") from None
    try:
        return _show(site, cameras, arguments.key)
    except pygame.error as exc:
        raise NoDisplayError(
            f"no window can be opened here: {exc}; `camfan top` needs none"
        ) from exc


def _choose(site: Site, asked: list[str]) -> list[str]:
    """The cameras to show, in the requested order. Raises UnknownCameraError."""
    patterns = camera_patterns(site, asked or None)
    return list(dict.fromkeys(name for pattern in patterns for name in select(site, (pattern,))))


def _show(site: Site, cameras: list[str], key: Path | None) -> int:
    import pygame

    from camfan_nodes.monitor.board import Feed
    from camfan_nodes.viewer.lettering import forget
    from camfan_nodes.viewer.window import ViewerWindow

    stop = stop_on_signals()
    pygame.display.init()
    if pygame.display.get_driver() == "offscreen" and "SDL_VIDEODRIVER" not in os.environ:
        raise NoDisplayError("there is no screen here; `camfan top` needs none")
    pygame.font.init()
    try:
        pygame.display.set_caption(f"{site.site} · camfan")
        surface = pygame.display.set_mode(START_SIZE, pygame.RESIZABLE)
        with Subscriber(
            site, cameras, events=True, statuses=True, kind="viewer", key=key
        ) as frames:
            feed = Feed(frames)
            titles = {name: title_of(site, name) for name in cameras}
            limits = {name: planned_pace(site.cameras[name]).limits for name in cameras}
            window = ViewerWindow(
                surface,
                feed,
                cameras,
                site=site.site,
                titles=titles,
                limits=limits,
                folder=Path.cwd(),
            )
            try:
                feed.start(window.wake)
                while not (window.finished or stop.is_set()):
                    window.turn()
            finally:
                feed.close()
                window.close()
        return 0
    finally:
        forget()
        pygame.quit()
