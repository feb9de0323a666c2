"""Loading a site file: `load_site`.

Reads, checks and resolves; never connects, creates or writes. Everything that is wrong with the
file is in the one `SiteError`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from camfan_config.checks.crosscheck import crosscheck
from camfan_config.conversion.convert import convert
from camfan_config.document.files import read_file
from camfan_config.document.interpolate import Interpolation, Names
from camfan_config.document.places import Places, TooMany
from camfan_config.document.tree import MAX_BYTES, Document, DocumentError, read_document
from camfan_config.messages.hidden import Hidden
from camfan_config.messages.problems import SiteError
from camfan_config.types import Site


@dataclass(frozen=True, slots=True)
class Loaded:
    """A site together with where each of its values stands in the file, and what is not said."""

    path: Path
    site: Site
    places: Places
    hidden: Hidden
    hints: tuple[str, ...] = ()  # about values that are probably not meant as they are written


def load_site(
    path: str | os.PathLike[str], *, environment: Mapping[str, str] | None = None
) -> Site:
    """The checked site of a file. Raises SiteError, and nothing else, for whatever the file holds.

    Relative paths in the result start at the file's folder. `environment` is where `${NAME}` is
    looked up first; None: the process's own.
    """
    return read_site(path, environment=environment).site


def read_site(
    path: str | os.PathLike[str], *, environment: Mapping[str, str] | None = None
) -> Loaded:
    """As `load_site`, with the places that `show` and `check` need."""
    name = os.fspath(path)
    document = _read(name)
    places = Places(name, document.lines)
    folder = Path(name).absolute().parent
    interpolation = Interpolation(Names(os.environ if environment is None else environment, folder))
    try:
        site = _convert(document, places, interpolation, folder)
    except TooMany:
        raise SiteError(places.problems) from None
    if places.problems:
        raise SiteError(places.problems)
    return Loaded(Path(name), site, places, places.hidden, tuple(interpolation.hints))


def _read(name: str) -> Document:
    lines: tuple[str, ...] = ()
    try:
        return read_document(read_file(Path(name), MAX_BYTES + 1))
    except DocumentError as exc:
        message, mark, lines = exc.message, exc.mark, exc.lines
    except FileNotFoundError as exc:
        message = f"cannot be read: {exc.strerror}; `camfan init` writes a first site file"
        mark = None
    except OSError as exc:
        message, mark = f"cannot be read: {exc.strerror}", None
    except ValueError:
        message, mark = "is not a valid file name", None
    places = Places(name, lines)
    places.complain_at(mark, (), message)
    raise SiteError(places.problems)


def _convert(
    document: Document, places: Places, interpolation: Interpolation, folder: Path
) -> Site:
    root = interpolation.node(document.root)
    complaints = [*document.complaints, *interpolation.complaints]
    for complaint in complaints:
        places.complain_at(complaint.mark, complaint.path, complaint.message)
    site = convert(root, places, folder, frozenset(complaint.mark for complaint in complaints))
    crosscheck(site, places)
    return site
