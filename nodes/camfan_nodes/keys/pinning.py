"""Writes the broker's public key into a site file, and changes nothing else in it.

The file is a person's: it is changed as text, and what comes out has to load before it takes the
place of what was there, in one step that a crash cannot divide.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE

from camfan import CamfanError, Site, SiteError, load_site
from camfan_wire.safe_files import discard, put_in_place, write_beside

_SECTION = re.compile(r"^security[ \t]*:[ \t]*(#.*)?\n(?=(?P<indent>[ \t]+)\S)", re.MULTILINE)
_FLOW = re.compile(r"^security[ \t]*:[ \t]*\{", re.MULTILINE)
_ANY = re.compile(r"^security[ \t]*:", re.MULTILINE)
_NEXT = re.compile(r"^[^\s#}\]]", re.MULTILINE)  # the line after a section
_PINNED = re.compile(r"(?P<key>\bserver_key[ \t]*:[ \t]*)(?P<value>[\"']?[0-9a-f]*[\"']?)")
_KEYS = re.compile(r"^[ \t]+keys[ \t]*:|[{,][ \t]*keys[ \t]*:", re.MULTILINE)


class PinError(CamfanError):
    """The site file cannot be changed by us; the message says what to write into it."""


def pin(path: Path, server_key: str) -> Site:
    """Write `security.server_key`, and `security.keys` where that is missing.

    Returns the site as it then is. Raises PinError.
    """
    try:
        text = path.read_text(encoding="utf-8")
        changed = pinned(text, server_key)
        if changed == text:
            return load_site(path)
        reason = _why_not(path)
        if reason is not None:
            raise PinError(f"{_left(path, reason)}\n{_by_hand(server_key)}")
        return _replace(path.resolve(), changed)
    except (UnicodeDecodeError, SiteError) as exc:
        raise PinError(
            f"{path} was left as it is: with the key in it, it would not load:\n{exc}\n"
            f"{_by_hand(server_key)}"
        ) from exc
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise PinError(f"{_left(path, reason)}\n{_by_hand(server_key)}") from exc


def check_can_pin(path: Path) -> None:
    """Raises PinError where it is known beforehand that the site file cannot be written."""
    reason = _why_not(path)
    if reason is not None:
        raise PinError(f"{_left(path, reason)} The keys were left as they are, too.")


def _why_not(path: Path) -> str | None:
    for place, words in ((path, ""), (path.resolve().parent, "its folder: ")):
        if not os.access(place, os.W_OK):
            read_only = _on_read_only(place)
            return words + ("the file system is read-only" if read_only else "permission denied")
    return None


def _on_read_only(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def pinned(text: str, server_key: str) -> str:
    """The text of a site file with the key in it."""
    start, end = _section(text)
    section = text[start:end]  # the key of an upstream, outside of it, is another's
    if _PINNED.search(section):
        return text[:start] + _PINNED.sub(rf"\g<key>{server_key}", section, count=1) + text[end:]
    block, flow = _SECTION.search(text), _FLOW.search(text)
    keys = "" if _KEYS.search(section) else "keys: keys/"
    if block is not None:
        lines = [line for line in (keys, f"server_key: {server_key}") if line]
        added = "".join(f"{block['indent']}{line}\n" for line in lines)
        return text[: block.end()] + added + text[block.end() :]
    if flow is not None:
        words = ", ".join(word for word in (keys, f"server_key: {server_key}") if word)
        rest = text[flow.end() :]
        comma = "" if rest.lstrip().startswith("}") else ", "
        return f"{text[: flow.end()]}{words}{comma}{rest}"
    if _ANY.search(text):
        raise PinError(
            "the section security: of the site file is of a form that is not changed by us. "
            f"{_by_hand(server_key)}"
        )
    line_end = "" if text.endswith("\n") or not text else "\n"
    return f"{text}{line_end}\nsecurity:\n  keys: keys/\n  server_key: {server_key}\n"


def _section(text: str) -> tuple[int, int]:
    """From where to where `security` stands; nothing, at the end, where it does not."""
    found = _ANY.search(text)
    if found is None:
        return len(text), len(text)
    after = _NEXT.search(text, found.end())
    return found.start(), len(text) if after is None else after.start()


def _replace(path: Path, text: str) -> Site:
    """The new text in place of the old, once it is known to load from where it stands."""
    had = path.stat()
    new = write_beside(path, text, S_IMODE(had.st_mode))
    try:
        with suppress(PermissionError):  # the group of another; then it is ours
            os.chown(new, had.st_uid, had.st_gid)
        site = load_site(new)
    except BaseException:
        discard(new)
        raise
    put_in_place(new, path)
    return site


def _by_hand(server_key: str) -> str:
    return f"Write there: security: {{keys: keys/, server_key: {server_key}}}"


def _left(path: Path, reason: str) -> str:
    return f"{path} cannot be written: {reason}. It was left as it is."
