"""Logins: in memory, and in a file so that they survive a restart.

The file holds hashes of the cookies, not the cookies. A session ends when its user, or the user's
password, is no longer in the site file.
"""

from __future__ import annotations

import hashlib
import logging
import os
import secrets
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import msgspec

from camfan_config import Site
from camfan_wire.log_throttle import LogThrottle

log = logging.getLogger(__name__)

IDLE_S = 30 * 86_400
LONGEST_S = 180 * 86_400
CLOCK_S = 3600  # how far this machine's clock may have been ahead when a session began
TOUCH_S = 600  # how exact `seen` is
MOST = 1000  # sessions; if full, the least recently used one of the user with most ends
MOST_OF_USER = 64  # if full, the least recently used one ends
BROWSERS_OF_USER = 16  # remembered; if full, the one that logged in first is forgotten
FILE = "web-sessions.json"


class Session(msgspec.Struct):
    """One login; times in seconds of the wall clock."""

    user: str
    proof: str  # of the password it began with
    began: float
    seen: float


class Stored(msgspec.Struct):
    """The content of the file; both by the hash of a cookie."""

    sessions: dict[str, Session]
    browsers: dict[str, str]  # the user that has logged in there before


class Sessions:
    """Belongs to the event loop. `folder` None: in memory only."""

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / FILE
        self._by_hash: dict[str, Session] = {}
        self._browsers: dict[str, str] = {}
        self._unsaved = False
        self._warnings = LogThrottle()
        self._read()

    def begin(self, user: str, password_hash: str, now: float | None = None) -> str:
        """The new session's cookie."""
        now = time.time() if now is None else now
        cookie = secrets.token_urlsafe(32)
        self._forget_old(now)
        self._make_room(user)
        self._by_hash[_hash(cookie)] = Session(user, _hash(password_hash), now, now)
        self._write()
        return cookie

    def find(self, cookie: str, now: float | None = None) -> Session | None:
        """The session of a cookie, if it still runs."""
        now = time.time() if now is None else now
        session = self._by_hash.get(_hash(cookie))
        if session is None or not _runs(session, now):
            return None
        if now - session.seen > TOUCH_S:
            session.seen = now
            self._write()
        return session

    def remember_browser(self, user: str) -> str:
        """A cookie by which a browser of this user is recognized after its session."""
        cookie = secrets.token_urlsafe(32)
        own = [key for key, name in self._browsers.items() if name == user]
        for key in own[: max(0, len(own) - BROWSERS_OF_USER + 1)]:
            del self._browsers[key]
        self._browsers[_hash(cookie)] = user
        self._write()
        return cookie

    def knows_browser(self, cookie: str, user: str) -> bool:
        """Whether this user has logged in there before."""
        return self._browsers.get(_hash(cookie)) == user

    def proves(self, session: Session, password_hash: str) -> bool:
        """Whether it began with the password of this hash."""
        return session.proof == _hash(password_hash)

    def end(self, cookie: str) -> None:
        """Log out. A restart must not undo it: where that cannot be stored, nothing is kept."""
        if self._by_hash.pop(_hash(cookie), None) is None:
            return
        self._write()
        if self._unsaved and self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)

    def save_again(self) -> None:
        """Tries again to store what could not be stored."""
        if self._unsaved:
            self._write()

    def _make_room(self, user: str) -> None:
        """For one more of this user; many logins of one user do not end those of others."""
        counts = Counter(session.user for session in self._by_hash.values())
        if counts[user] >= MOST_OF_USER:
            self._end_oldest_of(user)
        elif counts.total() >= MOST:
            self._end_oldest_of(counts.most_common(1)[0][0])

    def _end_oldest_of(self, user: str) -> None:
        own = [key for key, session in self._by_hash.items() if session.user == user]
        del self._by_hash[min(own, key=lambda key: self._by_hash[key].seen)]

    def _forget_old(self, now: float) -> None:
        self._by_hash = {key: one for key, one in self._by_hash.items() if _runs(one, now)}

    def _read(self) -> None:
        if self._path is None:
            return
        try:
            stored = msgspec.json.decode(self._path.read_bytes(), type=Stored)
            self._by_hash, self._browsers = stored.sessions, stored.browsers
        except FileNotFoundError:
            return
        except (OSError, msgspec.MsgspecError) as exc:
            log.warning("%s cannot be read, all users have to log in again: %s", self._path, exc)

    def _write(self) -> None:
        if self._path is None:
            return
        temporary = self._path.with_suffix(".new")
        self._unsaved = False
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.encode(Stored(self._by_hash, self._browsers)))
            temporary.replace(self._path)
        except OSError as exc:
            self._unsaved = True  # the next change tries again
            if self._warnings.allows(""):
                log.warning("%s: logins will not survive a restart: %s", self._path, exc.strerror)


def state_folder(site: Site) -> Path | None:
    """The folder that survives a restart; None if there is none."""
    if site.web is not None and site.web.state is not None:
        return Path(site.web.state)
    given = os.environ.get("STATE_DIRECTORY")  # of systemd
    if given:
        return Path(given.split(":")[0])
    state = os.environ.get("XDG_STATE_HOME")
    try:
        return (Path(state) if state else Path.home() / ".local" / "state") / "camfan" / site.site
    except RuntimeError:  # a user without a home
        return None


def _runs(session: Session, now: float) -> bool:
    """A time in the future comes from a wrong clock, and would make the session endless."""
    idle_s, age_s = now - session.seen, now - session.began
    return -CLOCK_S < idle_s < IDLE_S and -CLOCK_S < age_s < LONGEST_S


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
