"""Users and tokens of the site file, and what each may see and do.

`guard.py` and `login.py` authenticate them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from camfan_config import Site, Web, select
from camfan_config.types import Role
from camfan_nodes.web.passwords import verify_token

_RANK: dict[Role, int] = {"viewer": 0, "operator": 1, "owner": 2}


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated user or token."""

    name: str
    role: Role
    cameras: tuple[str, ...]  # all that it may see, in the order of the site file
    kind: Literal["user", "token", "anybody"]
    sees_all: bool  # all cameras of the site

    def may(self, role: Role) -> bool:
        return _RANK[self.role] >= _RANK[role]


class Principals:
    """Finds users and tokens in the site file."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.web = site.web or Web()
        self.open = not (self.web.users or self.web.tokens)  # every client may do everything
        self._shown = select(site, self.web.cameras)

    def anybody(self) -> Principal:
        """The principal of every request while the site file has no users."""
        return Principal("anybody", "owner", self._shown, "anybody", sees_all=True)

    def user(self, name: str) -> Principal | None:
        section = self.web.users.get(name)
        if section is None:
            return None
        cameras = self._cameras(section.cameras)
        return Principal(name, section.role, cameras, "user", self._all(cameras))

    def token(self, secret: str) -> Principal | None:
        """The token with this secret. Takes the same time for every wrong one."""
        found = None
        for name, section in self.web.tokens.items():
            if verify_token(secret, section.token):
                cameras = self._cameras(section.cameras)
                found = Principal(name, section.role, cameras, "token", self._all(cameras))
        return found

    def password_hash(self, name: str) -> tuple[str, bool]:
        """The hash to verify a password of this name with, and whether it may succeed at all.

        For a name that does not exist it is the hash of another user, so that the answer takes the
        same time.
        """
        section = self.web.users.get(name)
        if section is None:
            return next(iter(self.web.users.values())).password, False
        return section.password, True

    def _cameras(self, patterns: tuple[str, ...] | Literal["*"]) -> tuple[str, ...]:
        allowed = set(select(self.site, patterns))
        return tuple(name for name in self._shown if name in allowed)

    def _all(self, cameras: tuple[str, ...]) -> bool:
        return len(cameras) == len(self.site.cameras)
