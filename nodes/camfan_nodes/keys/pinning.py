"""Writes the broker's public key into a site file, and changes nothing else in it.

The file is a person's: it is changed as text, and what comes out has to load before it takes the
place of what was there.
"""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path

from camfan import CamfanError, Site, SiteError, load_site

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
        return _replace(path, changed)
    except (OSError, UnicodeDecodeError, SiteError) as exc:
        raise PinError(
            f"{path} was left as it is: with the key in it, it would not load:\n{exc}\n"
            f"Write there: security: {{keys: keys/, server_key: {server_key}}}"
        ) from exc


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
            "the section security: of the site file is of a form that is not changed by us; "
            f"write there: security: {{keys: keys/, server_key: {server_key}}}"
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
    path = path.resolve()
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        new.write_text(text, encoding="utf-8")
        with suppress(PermissionError):  # the group of another; then it is ours
            os.chown(new, path.stat().st_uid, path.stat().st_gid)
        shutil.copymode(path, new)
        site = load_site(new)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
    return site
