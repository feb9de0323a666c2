"""The folder of a site's keys: which names have one, and what each of them is for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from camfan import KeyFileError, Site
from camfan_config import BROKER, OWNER, CustomCamera, UpstreamCamera, is_name, nodes
from camfan_nodes.shared.command import ConfigurationError
from camfan_wire.keys import PUBLIC, SECRET, fingerprint, read_publics
from camfan_wire.safe_files import find_exposure, find_group_exposure

REVOKED = ".revoked"
DEFAULT = "keys"


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One name, and the state of its key."""

    name: str
    purpose: str
    fingerprint: str  # empty: it has no key
    state: str


def folder_of(site: Site) -> Path:
    """Raises ConfigurationError for a site without keys."""
    if site.security.keys is None:
        raise ConfigurationError(
            f"site '{site.site}' has no keys yet; make the first one on the broker's machine: "
            "camfan keys new"
        )
    return Path(site.security.keys)


def check_name(name: str) -> str:
    """Raises ConfigurationError."""
    if not is_name(name):
        raise ConfigurationError(
            f"{name!r} is not a name: lower-case letters, digits, '-' and '_', at most 64"
        )
    return name


def purposes(site: Site) -> dict[str, str]:
    """What each name of a site file is."""
    found = {BROKER: "the broker", OWNER: "the owner: sees and changes everything"}
    for node in nodes(site):
        if node.kind != BROKER and not isinstance(node.section, UpstreamCamera):
            own = isinstance(node.section, CustomCamera)
            found[node.name] = f"{node.kind}{' of your own code' if own else ''} on {node.host}"
    for name, access in site.security.access.items():
        view = "all cameras" if access.view == "*" else ", ".join(access.view) or "no camera"
        extra = [word for word, may in (("events", access.publish_events),) if may]
        extra += ["control"] if access.control else []
        found[name] = f"sees {view}" + (f"; {', '.join(extra)}" if extra else "")
    return found


def entries(site: Site) -> list[KeyEntry]:
    """The names of the site file, then the keys that it does not know."""
    folder, known = folder_of(site), purposes(site)
    there = {path.name.removesuffix(PUBLIC) for path in folder.glob(f"*{PUBLIC}")}
    strangers = sorted(name for name in there if name not in known and not name.startswith("."))
    found = [_entry(folder, name, purpose) for name, purpose in known.items()]
    return found + [
        _entry(folder, name, "unknown: neither a node nor in security.access") for name in strangers
    ]


def _entry(folder: Path, name: str, purpose: str) -> KeyEntry:
    public = folder / (name + PUBLIC)
    if not public.exists():
        revoked = any(folder.glob(f"{name}.*{REVOKED}"))
        return KeyEntry(name, purpose, "", "revoked" if revoked else "no key yet")
    state = "secret is here" if (folder / (name + SECRET)).exists() else "secret is elsewhere"
    try:
        keys = read_publics(public)
    except KeyFileError as exc:
        return KeyEntry(name, purpose, "", str(exc))
    if len(keys) > 1:
        state += f"; being replaced by {', '.join(map(fingerprint, keys[1:]))}"
    return KeyEntry(name, purpose, fingerprint(keys[0]), state)


def key_warnings(site: Site, path: Path) -> list[str]:
    """Warnings where other users can replace keys, or the site file that pins one."""
    if site.security.keys is None:
        return []
    folder = Path(site.security.keys)
    files = [file for ends in (PUBLIC, SECRET) for file in sorted(folder.glob(f"*{ends}"))]
    found = [find_exposure(path), find_exposure(folder)]
    found += [find_exposure(file, above=False) for file in files]
    found += [find_group_exposure(each) for each in (path, folder, *files) if each.exists()]
    return [f"keys: {words}" for words in dict.fromkeys(found) if words is not None]
