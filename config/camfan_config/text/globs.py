"""Camera names and globs: `*`, `?`, `[a-c]` and `[!a-c]`, as the shell has them.

A peer of the broker may send any glob. The standard library makes a regular expression of each,
which costs a tenth of a millisecond; here the work is bounded by the square of the name's length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

WILDCARDS = "*?["

_Token = Callable[[str], bool] | None  # tests one character; None: any number of them


def is_glob(pattern: str) -> bool:
    """Whether this is a glob, and not a name."""
    return any(char in pattern for char in WILDCARDS)


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Whether one of the names and globs means this name."""
    return Patterns(patterns).match(name)


class Patterns:
    """Names and globs that are asked for several names."""

    def __init__(self, patterns: Iterable[str]) -> None:
        self.names = frozenset(patterns)
        self.globs = [pattern for pattern in self.names if is_glob(pattern)]
        self._tokens = [_tokens(glob) for glob in self.globs]

    def match(self, name: str) -> bool:
        """Whether one of them means this name."""
        if name in self.names or "*" in self.names:
            return True
        return any(_matches_tokens(name, tokens) for tokens in self._tokens)


def _matches_tokens(name: str, tokens: list[_Token]) -> bool:
    """Greedy, with one point to return to: the last star, which then takes one more character."""
    if sum(token is not None for token in tokens) > len(name):
        return False
    at = index = 0
    star, resume = -1, 0
    while at < len(name):
        token = tokens[index] if index < len(tokens) else _nothing
        if token is None:
            star, resume = index, at
            index += 1
        elif token(name[at]):
            at, index = at + 1, index + 1
        elif star >= 0:
            resume += 1
            at, index = resume, star + 1
        else:
            return False
    return all(token is None for token in tokens[index:])


def _tokens(pattern: str) -> list[_Token]:
    found: list[_Token] = []
    at = 0
    while at < len(pattern):
        char, end = pattern[at], _end_of_set(pattern, at)
        if char == "*":
            if not found or found[-1] is not None:
                found.append(None)
        elif char == "?":
            found.append(_anything)
        elif char == "[" and end is not None:
            found.append(_set(pattern[at + 1 : end]))
            at = end
        else:
            found.append(char.__eq__)
        at += 1
    return found


def _end_of_set(pattern: str, at: int) -> int | None:
    """Where the bracket at `at` is closed; a bracket that is not closed means itself."""
    first = at + 1 + pattern.startswith("!", at + 1)
    end = pattern.find("]", first + 1)  # one that stands first is a member of the set
    return None if end < 0 else end


def _set(members: str) -> Callable[[str], bool]:
    excluded = members.startswith("!")
    ranges = list(_ranges(members[excluded:]))
    return lambda char: any(low <= char <= high for low, high in ranges) != excluded


def _ranges(members: str) -> Iterable[tuple[str, str]]:
    at = 0
    while at < len(members):
        if members[at + 1 : at + 2] == "-" and at + 2 < len(members):
            yield members[at], members[at + 2]
            at += 3
        else:
            yield members[at], members[at]
            at += 1


def _anything(_: str) -> bool:
    return True


def _nothing(_: str) -> bool:
    return False
