"""Writes the broker's public key into a site file, and changes nothing else in it.

The result has to load before it replaces the file, in one step that a crash cannot divide.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from stat import S_IMODE

import yaml

from camfan import CamfanError, Site, SiteError, load_site
from camfan_nodes.keys.yaml_edit import YamlEditError, set_keys
from camfan_wire.safe_files import discard, put_in_place, write_beside


class PinError(CamfanError):
    """The site file cannot be changed here; the message says what to write into it."""


def pin(path: Path, server_key: str) -> Site:
    """Write `security.server_key`, and `security.keys` where that is missing.

    Returns the site as it then is. Raises PinError.
    """
    try:
        text = path.read_bytes().decode("utf-8")  # with its own line ends
        changed = pinned(text, server_key)
        if changed == text:
            return load_site(path)
        reason = _why_not(path)
        if reason is not None:
            raise PinError(f"{_unchanged(path, reason)}\n{_by_hand(server_key)}")
        return _replace(path.resolve(), changed)
    except (UnicodeDecodeError, yaml.YAMLError, RecursionError, SiteError) as exc:
        raise PinError(
            f"{path} was not changed, because it would not load with the key in it:\n"
            f"{_reason(path, exc)}\n{_by_hand(server_key)}"
        ) from exc
    except YamlEditError as exc:
        raise PinError(f"{_unchanged(path, str(exc))}\n{_by_hand(server_key)}") from exc
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise PinError(f"{_unchanged(path, reason)}\n{_by_hand(server_key)}") from exc


def _reason(path: Path, exc: Exception) -> Exception:
    """What `camfan check` says of the file; what YAML says is in words of its own."""
    if isinstance(exc, SiteError):
        return exc
    try:
        load_site(path)
    except SiteError as found:
        return found
    return exc


def check_can_pin(path: Path) -> None:
    """Raises PinError where it is known beforehand that the site file cannot be written."""
    reason = _why_not(path)
    if reason is not None:
        raise PinError(f"{_unchanged(path, reason)} The keys were not changed either.")


def _why_not(path: Path) -> str | None:
    for place, words in ((path, ""), (path.resolve().parent, "its folder: ")):
        if not os.access(place, os.W_OK):
            read_only = _on_read_only(place)
            return words + ("the file system is read-only" if read_only else "permission denied")
    return None


def _on_read_only(path: Path) -> bool:
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def pinned(text: str, server_key: str) -> str:
    """The text of a site file with the key in it. Raises YamlEditError and yaml.YAMLError."""
    return set_keys(text, "security", {"server_key": server_key}, {"keys": "keys/"})


def _replace(path: Path, text: str) -> Site:
    """Replace the file by the new text, once the text is known to load from that folder."""
    had = path.stat()
    new = write_beside(path, text, S_IMODE(had.st_mode))
    try:
        with suppress(PermissionError):  # a group that we are not in; the file gets ours
            os.chown(new, had.st_uid, had.st_gid)
        site = load_site(new)
    except BaseException:
        discard(new)
        raise
    put_in_place(new, path)
    return site


def _by_hand(server_key: str) -> str:
    return f"Write into it: security: {{keys: keys/, server_key: {server_key}}}"


def _unchanged(path: Path, reason: str) -> str:
    return f"{path} cannot be written: {reason}. It was not changed."
