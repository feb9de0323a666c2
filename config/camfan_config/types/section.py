"""What all mappings of a site file have in common."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

_NEVER_SHOWN = frozenset({"url", "password", "token"})  # the fields of type Secret


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping of the site file: frozen, no key but its own, no secret in its repr."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        names = self.__struct_fields__
        return [(name, "***" if name in _NEVER_SHOWN else getattr(self, name)) for name in names]
