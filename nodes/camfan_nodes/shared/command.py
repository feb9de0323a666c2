"""What all commands of camfan share: finding a node, common options, the log, and the exit code.

Only here does an error become a line and an exit code.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from camfan import CamfanError, KeyFileError, KeyMissingError, SiteError, UnknownCameraError
from camfan_config import EXIT_CONFIG, EXIT_UNAVAILABLE, HidingFormatter, did_you_mean
from camfan_config.site_file import NoSiteError
from camfan_config.text.printable import printable_lines

LAYOUT = "%(levelname)s %(name)s: %(message)s"  # of a line of the log
AGAIN_S = 1.0  # within which a repeated line is left out

T = TypeVar("T")


class ConfigurationError(CamfanError):
    """A request that does not fit the site file; exit code 78."""


class MissingExtraError(CamfanError):
    """A library that only some nodes need is not installed."""

    def __init__(self, what: str, package: str, extra: str) -> None:
        super().__init__(
            f"{what} needs {package}: in camfan's source tree, pip install '.[{extra}]'"
        )


def find_node(nodes: Mapping[str, T], kind: str, name: str) -> T:
    """The section of a node, by its name in the site file. Raises ConfigurationError."""
    if name in nodes:
        return nodes[name]
    hint = did_you_mean(name, nodes)
    raise ConfigurationError(f"the site file has no {kind} '{name}'; {hint}")


def add_key_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="secret key used to authenticate; see camfan keys",
    )


def add_verbose_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--verbose", action="store_true", help="log more of what happens, on standard error"
    )


def end_with_code(program: str, work: Callable[[], int]) -> int:
    """Do the work; its exit code, or that of the error, which is printed as a sentence."""
    try:
        return work()
    except SiteError as exc:
        _complain(str(exc))
        return EXIT_CONFIG
    except (
        ConfigurationError,
        NoSiteError,
        UnknownCameraError,
        KeyFileError,
        KeyMissingError,
    ) as exc:
        _complain(f"{program}: {exc}")
        return EXIT_CONFIG
    except CamfanError as exc:
        _complain(f"{program}: {exc}")
        return EXIT_UNAVAILABLE
    except KeyboardInterrupt:
        return 0


def _complain(sentence: str) -> None:
    sys.stderr.write(f"{printable_lines(sentence)}\n")


def log_to_stderr(*, verbose: bool = False) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(_RepeatFilter())
    handler.setFormatter(HidingFormatter(LAYOUT))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])


class _RepeatFilter(logging.Filter):
    """Leaves out a line that repeats the last one: a node has two links to one broker."""

    def __init__(self) -> None:
        super().__init__()
        self._last = ("", 0.0)

    def filter(self, record: logging.LogRecord) -> bool:
        last, said_s = self._last
        self._last = (record.getMessage(), record.created)
        return self._last[0] != last or abs(record.created - said_s) > AGAIN_S
