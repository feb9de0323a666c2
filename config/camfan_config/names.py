"""Names of cameras, nodes, sites and kinds of event: their pattern, and those that are reserved."""

from __future__ import annotations

import re

NAME_PATTERN = "[a-z0-9][a-z0-9_-]{0,63}"  # without anchors, for use inside longer patterns
BROKER = "broker"  # the only broker of a site
WEB = "web"
OWNER = "owner"  # the key of the site's owner

RESERVED_NAMES = {
    BROKER: "the broker",
    WEB: "the web pages",
    OWNER: "the key of the site's owner",
}

_NAME = re.compile(NAME_PATTERN)


def is_name(text: str) -> bool:
    """True for lower-case letters, digits, '-' and '_', at most 64, a letter or digit first."""
    return _NAME.fullmatch(text) is not None
