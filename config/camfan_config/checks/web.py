"""The web pages: invalid hashes, invalid proxies, listening without users."""

from __future__ import annotations

import ipaddress

from camfan_config.document.places import KeyPath, Places
from camfan_config.site.topology import is_loopback
from camfan_config.text.hashes import HIDDEN, match_password, match_token
from camfan_config.text.units import parse_address
from camfan_config.types import Site, Web


def check(site: Site, places: Places) -> None:
    """Complains about the `web` section."""
    if site.web is not None:
        _hashes(site.web, places)
        _proxies(site.web, places)
        _is_safe(site, site.web, places)


def _hashes(web: Web, places: Places) -> None:
    for name, user in web.users.items():
        if not (user.password == HIDDEN or match_password(user.password)):
            words = "write the hash of the password; make one with 'camfan password'"
            _complain(places, ("web", "users", name, "password"), words)
    for name, token in web.tokens.items():
        if not (token.token == HIDDEN or match_token(token.token)):
            words = "write the hash of the token; make both with 'camfan password --token'"
            _complain(places, ("web", "tokens", name, "token"), words)


def _complain(places: Places, path: KeyPath, words: str) -> None:
    if places.sound(path):
        places.complain(path, words)


def _proxies(web: Web, places: Places) -> None:
    for index, proxy in enumerate(web.proxies):
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            words = "is not an IP address or network, such as 127.0.0.1 or 10.0.0.0/24"
            shown = places.written(("web", "proxies", index), proxy)
            places.complain(("web", "proxies", index), f"{shown!r} {words}")


def _is_safe(site: Site, web: Web, places: Places) -> None:
    if web.users or web.tokens or site.security.insecure or not places.sound(("web", "users")):
        return
    if not is_loopback(parse_address(web.listen)[0]):
        words = (
            f"{places.written(('web', 'listen'), web.listen)!r} listens to the network without "
            "web.users: write 'users: {NAME: {password: HASH}}', the hash from 'camfan password'"
        )
        places.complain(("web", "listen"), words)
