"""`camfan init`: writes a first site file, from flags or from questions."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from importlib.util import find_spec
from pathlib import Path

from camfan_config import NAME_PATTERN, SiteError, load_site
from camfan_config.conversion.scalars import slug
from camfan_config.document.interpolate import SECRETS_FILE
from camfan_config.site_file import DEFAULT, VARIABLE
from camfan_config.text.printable import printable
from camfan_nodes.shared.command import ConfigurationError, end_with_code
from camfan_nodes.shared.site_file import add_config_argument
from camfan_nodes.site.first_site import (
    FirstCamera,
    FirstSiteError,
    camera_of,
    name_of,
    site_text,
)

SOURCES = "rtsp://… or http://…, /dev/video0, a video or a folder of JPEGs, picamera2, or test"


def add_init_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "init",
        help="write a first site file",
        description="Write a commented site file. Without options it asks questions on a terminal; "
        "without a terminal it uses the webcams of this machine, or a test picture.",
        epilog=f"SOURCE is {SOURCES}. A password in an address goes into {SECRETS_FILE}.",
    )
    add_config_argument(parser, alone=True)
    parser.add_argument("--site", metavar="NAME", help="name of the site")
    parser.add_argument(
        "--camera", action="append", metavar="NAME=SOURCE", help="a camera; can be repeated"
    )
    parser.add_argument("--record", metavar="FOLDER", help="record all cameras into this folder")
    parser.add_argument("--force", action="store_true", help="overwrite the file if it exists")
    parser.set_defaults(run=lambda args: end_with_code("camfan init", lambda: _run(args)))


def _run(args: argparse.Namespace) -> int:
    path: Path = args.config or Path(os.environ.get(VARIABLE) or DEFAULT)
    if path.exists() and not args.force:
        raise ConfigurationError(f"{path} exists already; --force overwrites it")
    asks = sys.stdin.isatty() and not (args.site or args.camera or args.record)
    try:
        site = name_of(_answer(asks, "Name of the site", args.site, _own_name()), "site")
        cameras = _cameras(args.camera, asks=asks)
        record = _answer(asks, "Folder for recordings (empty: do not record)", args.record, "")
        record = os.path.expanduser(record)  # noqa: PTH111 - a trailing slash stays
        text = site_text(site, cameras, record or None, web=find_spec("aiohttp") is not None)
    except FirstSiteError as exc:
        raise ConfigurationError(str(exc)) from exc
    _write(path, text, [secret for camera in cameras for secret in camera.secrets])
    named = "" if path == Path(DEFAULT) else f" {path}"
    sys.stdout.write(
        f"Wrote {path}: {', '.join(camera.name for camera in cameras)}.\n"
        f"Next:  camfan check{named}    finds mistakes, estimates bandwidth and disk use\n"
        f"       camfan up{named}       starts it; live video at http://127.0.0.1:8080\n"
    )
    return 0


def _answer(asks: bool, question: str, given: str | None, otherwise: str) -> str:
    if given is not None or not asks:
        return otherwise if given is None else given
    shown = f" [{otherwise}]" if otherwise else ""
    try:
        return input(f"{question}{shown}: ").strip() or otherwise
    except EOFError:
        return otherwise


def _own_name() -> str:
    return slug(NAME_PATTERN, socket.gethostname().partition(".")[0]) or "home"


def _cameras(given: list[str] | None, *, asks: bool) -> list[FirstCamera]:
    """The cameras that were given, or those that are plugged in, or a test picture."""
    cameras = [_named(each) for each in given or ()]
    if not cameras and asks:
        cameras = _asked()
    cameras = cameras or _found() or [camera_of("test", "test")]
    names = [camera.name for camera in cameras]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise FirstSiteError(f"camera {twice}: given twice")
    return cameras


def _named(text: str) -> FirstCamera:
    name, equals, source = text.partition("=")
    if not equals or not source:
        raise FirstSiteError(
            f"--camera '{printable(name)}': write NAME=SOURCE; SOURCE is {SOURCES}"
        )
    return camera_of(name.strip(), source.strip())


def _asked() -> list[FirstCamera]:
    found = _found()
    if found:
        sys.stdout.write(f"Found {', '.join(camera.lines[-1] for camera in found)}.\n")
    sys.stdout.write(
        f"Cameras as NAME=SOURCE, one per line; end with an empty line.\n  SOURCE: {SOURCES}\n"
    )
    cameras: list[FirstCamera] = []
    while line := _answer(True, f"Camera {len(cameras) + 1}", None, ""):
        try:
            cameras.append(_named(line))
        except FirstSiteError as exc:
            sys.stdout.write(f"{exc}\n")
    return cameras


def _found() -> list[FirstCamera]:
    """The webcams of this machine that can be used."""
    from camfan_nodes.camera.devices import find_devices
    from camfan_nodes.camera.listing import USABLE_FORMATS
    from camfan_nodes.camera.v4l2_device import Linux

    usable = [
        device
        for device in find_devices(Linux())
        if any(offer.fourcc in USABLE_FORMATS for offer in device.offers)
    ]
    return [
        camera_of(f"webcam-{number}", device.stable or device.path)
        for number, device in enumerate(usable)
    ]


def _write(path: Path, text: str, secrets: list[tuple[str, str]]) -> None:
    """Write the files, if camfan itself can read them. Raises ConfigurationError."""
    beside = path.absolute().parent / SECRETS_FILE
    known = _secrets(beside) if secrets else ""
    taken = [name for name, _ in secrets if f"{name}:" in known]
    if taken:
        raise ConfigurationError(f"{beside} already has {taken[0]}; give the camera another name")
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(text, encoding="utf-8")
        load_site(new, environment=dict(secrets))
        if secrets:
            _add_secrets(beside, known, secrets)
        new.replace(path)
    except OSError as exc:
        raise ConfigurationError(f"cannot write {path}: {exc.strerror}") from exc
    except SiteError as exc:
        sentences = "; ".join(problem.sentence for problem in exc.problems)
        raise ConfigurationError(f"nothing was written: {sentences}") from exc
    finally:
        new.unlink(missing_ok=True)


def _secrets(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as exc:
        raise ConfigurationError(f"{path} cannot be read: {exc}") from exc


def _add_secrets(path: Path, known: str, secrets: list[tuple[str, str]]) -> None:
    """Write the secrets beside the site file, readable for this user only."""
    lines = [known.rstrip("\n")] if known else ["# Never commit this file."]
    lines += [f"{name}: '{value.replace(chr(39), chr(39) * 2)}'" for name, value in secrets]
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write("\n".join([*lines, ""]))
    new.replace(path)
