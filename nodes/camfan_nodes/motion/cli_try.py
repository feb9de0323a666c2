"""`camfan motion try VIDEO`: what motion detection finds in a video, and how settings change it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from camfan import load_site
from camfan_config import Motion
from camfan_config.text.printable import printable
from camfan_nodes.shared.command import MissingExtraError, end_with_code, find_node
from camfan_nodes.shared.site_file import find_site_file

if TYPE_CHECKING:
    from camfan_nodes.motion.trial import Trial
    from camfan_nodes.motion.video import Video
    from camfan_nodes.motion.zones import Points

    Areas = tuple[dict[str, Points], dict[str, Points]]

PICTURES = (".png", ".jpg", ".jpeg")
PROGRAM = "camfan motion try"


def add_try_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("for camfan motion try")
    group.add_argument(
        "--set",
        action="append",
        default=[],
        type=_wish,
        metavar="KEY=VALUE",
        help="another setting, such as min_area=1%% or end_after=10s; can be repeated",
    )
    group.add_argument("--camera", metavar="CAMERA", help="whose settings, zones and masks to use")
    group.add_argument(
        "--picture",
        type=_picture,
        metavar="FILE",
        help="write a picture of where motion was, .png or .jpg",
    )


def check_try_arguments(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Ends with the usage if they do not belong together."""
    if args.video is None:
        parser.error("the following arguments are required: VIDEO")
    if args.config is not None and args.camera is None:
        parser.error("--config and --camera belong together")


def run_try(args: argparse.Namespace) -> int:
    return end_with_code(PROGRAM, lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    try:
        from camfan_nodes.motion.settings import areas_of, changed, motion_for
        from camfan_nodes.motion.video import Video
    except ImportError as exc:
        raise MissingExtraError("trying motion on a video", exc.name or "OpenCV", "motion") from exc
    motion = Motion()
    areas: Areas = ({}, {})
    if args.camera is not None:
        site = load_site(find_site_file(args.config))
        find_node(site.cameras, "camera", args.camera)
        motion = motion_for(site, args.camera)
        areas = areas_of(site, motion, args.camera)
    motion = changed(motion, args.set)
    with Video(args.video) as video:
        _show(args.video, args.picture, video, motion, areas)
    return 0


def _show(path: Path, picture: Path | None, video: Video, motion: Motion, areas: Areas) -> None:
    from rich.console import Console
    from rich.text import Text

    from camfan_nodes.motion.heat import write_picture
    from camfan_nodes.motion.timeline import clock, summary
    from camfan_nodes.motion.trial import run
    from camfan_nodes.shared.terminal import Printable

    zones, masks = areas
    with _progress(video.length_s) as progress:
        trial = run(video, motion, zones=zones, masks=masks, progress=progress)
    console = Console(highlight=False)
    console.print(Printable(Text(_heading(path, trial))), soft_wrap=True)
    console.print(Printable(summary(trial, console.width)))
    if video.unreadable:
        sys.stderr.write(
            f"{PROGRAM}: {printable(str(path))}: damaged; {video.unreadable} pieces could not be"
            f" read, the last picture is at {clock(trial.length_s)}\n"
        )
    if picture is not None:
        write_picture(picture, trial, zones, masks)
        console.print(Printable(Text(f"\nwritten: {picture}")), soft_wrap=True)


def _heading(path: Path, trial: Trial) -> str:
    from camfan_nodes.motion.timeline import clock

    height, width = trial.picture.shape
    return f"{path}: {width}x{height}, {clock(trial.length_s)} long, frames seen: {trial.frames}\n"


@contextmanager
def _progress(length_s: float | None) -> Iterator[Callable[[float], None]]:
    """A bar on the terminal, where there is one; it is gone when the work is done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bars:
        bar = bars.add_task("watching", total=length_s)
        yield lambda at_s: bars.update(bar, completed=at_s)


def _wish(text: str) -> str:
    if "=" not in text:
        raise argparse.ArgumentTypeError(f"'{text}' is not KEY=VALUE, such as min_area=1%")
    return text


def _picture(text: str) -> Path:
    if Path(text).suffix.lower() not in PICTURES:
        raise argparse.ArgumentTypeError(f"'{text}' does not end in .png or .jpg")
    return Path(text)
