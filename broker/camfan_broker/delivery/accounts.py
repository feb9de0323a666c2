"""What became of frames, by subscriber: kept by name, over connections."""

from __future__ import annotations

from camfan_broker.camera.account import Account

MAX_ACCOUNTS = 1024  # of subscribers by name; the one that came first is forgotten first
MAX_KEY_ACCOUNTS = 64  # of these, with the same key


class SubscriberAccounts:
    """Belongs to the loop's thread."""

    def __init__(self) -> None:
        self.by_name: dict[str, dict[str, Account]] = {}  # by subscriber, by camera
        self._keys: dict[str, str] = {}  # of each subscriber

    def of(self, name: str, key: str) -> dict[str, Account]:
        """The accounts of a subscriber; a key that comes with ever new names forgets its own."""
        found = self.by_name.get(name)
        if found is not None:
            return found
        own = [n for n, of in self._keys.items() if of == key] if key else []
        if len(own) >= MAX_KEY_ACCOUNTS or len(self.by_name) >= MAX_ACCOUNTS:
            oldest = own[0] if own else next(iter(self.by_name))
            del self.by_name[oldest], self._keys[oldest]
        self._keys[name] = key
        found = self.by_name[name] = {}
        return found
