"""The public keys of a site, the name that each belongs to, and what each name may do.

Read as a whole when the broker starts and at each reload; never changed, only replaced.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from zmq.utils import z85

from camfan_broker.access.rights import KeyRights, rights
from camfan_config import Site
from camfan_wire.keys import (
    PUBLIC,
    SECRET,
    KeyFileError,
    ServerKeys,
    check_not_exposed,
    read_pairs,
    read_publics,
    to_hex,
)

BROKER = "broker"
MAX_KEYS = 10_000


@dataclass(frozen=True, slots=True)
class Roster:
    """`by_id`: what a connection may do, by the id that ZAP gave it: its name and its key."""

    ids: Mapping[bytes, str]  # by public key, 32 bytes
    by_id: Mapping[str, KeyRights]
    strangers: tuple[str, ...] = ()  # keys without a node and without access: they get nothing

    def names(self) -> dict[str, set[str]]:
        """The ids of each name: one, and more while its key is replaced."""
        found: dict[str, set[str]] = {}
        for user in self.by_id:
            found.setdefault(user.partition("/")[0], set()).add(user)
        return found


@dataclass(frozen=True, slots=True)
class ServerAuth:
    """What a broker with keys is started with."""

    keys: ServerKeys
    roster: Roster


def read_server_auth(site: Site, secret: Path | None = None) -> ServerAuth | None:
    """None for a site without keys. Raises KeyFileError."""
    if site.security.keys is None:
        return None
    return ServerAuth(read_server_keys(site, secret), read_roster(site))


def read_roster(site: Site) -> Roster:
    """Of the folder `security.keys`. Raises KeyFileError for a key that cannot be read."""
    known = rights(site)
    ids: dict[bytes, str] = {}
    by_id: dict[str, KeyRights] = {}
    strangers = []
    for path in _public_files(site):
        name = path.name.removesuffix(PUBLIC)
        check_not_exposed(path, above=False)
        keys = {z85.decode(public) for public in read_publics(path)}
        for key in keys & ids.keys():
            raise KeyFileError(f"{path}: the same key as that of '{ids[key].partition('/')[0]}'")
        if name == BROKER:
            continue
        if name not in known:
            strangers.append(name)
            continue
        for key in keys:  # more than one while it is replaced
            ids[key] = f"{name}/{key.hex()[:16]}"
            by_id[ids[key]] = known[name]
    if site.brokers:  # as one of several sees it: the keys of the others' cameras lie there too
        strangers = []
    return Roster(ids, by_id, tuple(strangers))


def read_server_keys(site: Site, secret: Path | None = None) -> ServerKeys:
    """The broker's own pair, which has to be the one that the site file pins.

    Looked for in `secret`, $CREDENTIALS_DIRECTORY/broker.secret, and the folder of keys. While it
    is replaced the file holds two pairs. Raises KeyFileError.
    """
    folder = Path(site.security.keys or "")
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    places = [secret] if secret else [folder / (BROKER + SECRET)]
    if credentials and not secret:
        places.insert(0, Path(credentials) / (BROKER + SECRET))
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise KeyFileError(
            f"{places[-1]} is not there: make the broker's key with 'camfan keys new broker'; "
            "nothing was started in the clear"
        )
    pairs = read_pairs(found)
    pinned = site.security.server_key
    if pinned is None:
        return ServerKeys(pairs[0])
    for pair in pairs:
        if to_hex(pair.public) == pinned:
            return ServerKeys(pair)
    raise KeyFileError(
        f"{found}: is not the key that security.server_key of the site file expects "
        f"({pinned[:16]}…), but {to_hex(pairs[0].public)[:16]}…"
    )


def _public_files(site: Site) -> list[Path]:
    folder = Path(site.security.keys or "")
    check_not_exposed(folder)
    try:
        found = sorted(path for path in folder.iterdir() if path.name.endswith(PUBLIC))
    except OSError as exc:
        raise KeyFileError(f"{folder}: {exc.strerror}; see 'camfan keys new'") from exc
    if len(found) > MAX_KEYS:
        raise KeyFileError(f"{folder}: {len(found)} keys; the limit is {MAX_KEYS}")
    return [path for path in found if not path.name.startswith(".")]
