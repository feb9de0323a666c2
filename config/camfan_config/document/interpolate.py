"""`${NAME}` in a site file: looked up after parsing, so that a value can never become YAML.

In values only, never in keys: `${NAME}`, `${NAME:-default}`, `${NAME:?why it is needed}`, and `$$`
for one `$`. In the user or password part of a URL a value is taken as it is, whatever letters it
holds (`urls.py`). Looked up in the environment, then as a file in `$CREDENTIALS_DIRECTORY`
(systemd's), then in `secrets.yaml` beside the site file. A name that is set to nothing is set, so
`NAME= camfan` leaves an option out even where it has a default; only `:?` asks for more. What was
found is never put into a message.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping as Lookup
from functools import cached_property
from pathlib import Path

from camfan_config.document.files import read_file
from camfan_config.document.tree import (
    MAX_BYTES,
    Complaint,
    DocumentError,
    Mapping,
    MappingEntry,
    Scalar,
    Sequence,
    YamlNode,
    read_document,
)
from camfan_config.text.urls import escape_login, login_span

SECRETS_FILE = "secrets.yaml"

_TOKEN = re.compile(r"\$\$|\$\{([^}]*)(\}?)")
_BARE = re.compile(r"\$([A-Z_][A-Z0-9_]+)")  # as a shell has it
_INSIDE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:-|:\?)(.*))?", re.DOTALL)


class Unknown(Exception):  # noqa: N818 - never leaves this module; it says what was not found
    """A `${...}` without a value; the message says why."""


class Names:
    """Where the value of a name is looked up."""

    def __init__(self, environment: Lookup[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder

    def find(self, name: str) -> str | None:
        """The value; None if the name is unknown. Raises Unknown if a place cannot be read."""
        if name in self._environment:
            return self._environment[name]
        found = self._credential(name)
        return self._secrets.get(name) if found is None else found

    def _credential(self, name: str) -> str | None:
        folder = self._environment.get("CREDENTIALS_DIRECTORY")
        if not folder:
            return None
        try:
            text = read_file(Path(folder) / name, MAX_BYTES).decode()
            return text.removesuffix("\n").removesuffix("\r")
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            raise Unknown(f"the credential {name} cannot be read") from None

    @cached_property
    def _secrets(self) -> dict[str, str]:
        path = self._folder / SECRETS_FILE
        try:
            document = read_document(read_file(path, MAX_BYTES + 1))
        except FileNotFoundError:
            return {}
        except OSError as exc:
            raise Unknown(f"{SECRETS_FILE} cannot be read: {exc.strerror}") from None
        except DocumentError as exc:
            line = f" (line {exc.mark.line + 1})" if exc.mark else ""
            words = f"{SECRETS_FILE} is not YAML{line}; put values in quotes"
            raise Unknown(words) from None
        if not isinstance(document.root, Mapping):
            raise Unknown(f"{SECRETS_FILE} is not a mapping of NAME: value, each name once")
        for complaint in document.complaints:
            twice = complaint.message.startswith("given twice")
            words = "each name stands once" if twice else "this is not a text"
            raise Unknown(_secret_words(complaint.mark.line, words))
        return {entry.key.text: _secret(entry) for entry in document.root.entries}


def _secret(entry: MappingEntry) -> str:
    """The text of a secret. Raises Unknown where YAML takes it for something else."""
    if not isinstance(entry.value, Scalar):
        raise Unknown(_secret_words(entry.key.mark.line, "a list or mapping is not a secret"))
    if entry.value.plain and not entry.value.text:
        raise Unknown(_secret_words(entry.key.mark.line, "there is no value"))
    return entry.value.text


def _secret_words(line: int, words: str) -> str:
    quotes = "a value that begins with & * ! # [ { must be in quotes"
    return f"{SECRETS_FILE} is not usable, line {line + 1}: {words}; {quotes}"


class _UrlLogin:
    """User and password of a text that is a URL, in which values are escaped."""

    def __init__(self, text: str) -> None:
        masked = _TOKEN.sub(lambda token: "x" * len(token[0]), text)
        self._start, self._end = login_span(masked) or (0, 0)
        self._pair = ":" not in masked[self._start : self._end]

    def escaped(self, value: str, at: int) -> str:
        """The value of a `${...}` that stands at this place of the text."""
        if not self._start <= at < self._end:
            return value
        return escape_login(value, pair=self._pair and at == self._start)


class Interpolation:
    """Writes the values into a tree; what is wrong is collected in `complaints`."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._done: dict[int, YamlNode] = {}  # what several aliases share is written once
        self.complaints: list[Complaint] = []
        self.hints: list[str] = []

    def node(self, node: YamlNode, path: tuple[str | int, ...] = ()) -> YamlNode:
        """The same tree with every `${...}` replaced."""
        known = self._done.get(id(node))
        if known is None:
            known = self._done[id(node)] = self._fresh(node, path)
        return known

    def _fresh(self, node: YamlNode, path: tuple[str | int, ...]) -> YamlNode:
        if isinstance(node, Scalar):
            return self._scalar(node, path)
        if isinstance(node, Sequence):
            items = tuple(self.node(item, (*path, i)) for i, item in enumerate(node.items))
            return Sequence(items, node.mark)
        return Mapping(tuple(self._entry(entry, path) for entry in node.entries), node.mark)

    def _entry(self, entry: MappingEntry, path: tuple[str | int, ...]) -> MappingEntry:
        if not path and entry.key.text.startswith("x-"):
            return entry  # only there to be referred to; what is referred to is done there
        return MappingEntry(entry.key, self.node(entry.value, (*path, entry.key.text)))

    def _scalar(self, scalar: Scalar, path: tuple[str | int, ...]) -> Scalar:
        if "$" not in scalar.text:
            return scalar
        parts: list[str] = []
        found: list[tuple[str, str]] = []
        end, interpolated = 0, False
        login = _UrlLogin(scalar.text)
        for token in _TOKEN.finditer(scalar.text):
            parts.append(scalar.text[end : token.start()])
            end = token.end()
            if token[0] == "$$":
                parts.append("$")
                continue
            interpolated = True
            try:
                name, value, outside = self._value(token)
            except Unknown as exc:
                self.complaints.append(Complaint(scalar.mark, str(exc), path))
                continue
            parts.append(login.escaped(value, token.start()))
            if outside:
                found.append((name, value))
        parts.append(scalar.text[end:])
        self._look_for_missing_braces(scalar.text, path)
        return dataclasses.replace(
            scalar, text="".join(parts), interpolated=interpolated, found=tuple(found)
        )

    def _look_for_missing_braces(self, text: str, path: tuple[str | int, ...]) -> None:
        """A hint where `$NAME` stands for `${NAME}`; a password that only looks so is not shown."""
        found = _BARE.search(_TOKEN.sub("", text))
        if found is None:
            return
        try:
            known = self._names.find(found[1]) is not None
        except Unknown:
            known = False
        place = ".".join(map(str, path))
        if known:
            words = f"${found[1]} is taken literally; write ${{{found[1]}}} for its value"
        else:
            words = "a '$' is taken literally here; a variable is written ${NAME}, and $$ is one $"
        self.hints.append(f"{place}: {words}")

    def _value(self, token: re.Match[str]) -> tuple[str, str, bool]:
        """The name, its value, and whether that is not from the file itself."""
        match = _INSIDE.fullmatch(token[1])
        if match is None or not token[2] or "${" in token[1]:
            forms = "${NAME}, ${NAME:-default} or ${NAME:?why}, not one in another; $$ is one $"
            raise Unknown(f"{token[0]!r} is malformed: write {forms}")
        name, operator, rest = match.groups()
        found = self._names.find(name)
        if operator == ":-" and found is None:  # set to nothing is set: that leaves a key out
            return name, rest, False
        if operator == ":?" and not found:
            raise Unknown(f"{name} is not set: {rest or 'it is needed here'}")
        if found is None:
            places = f"the environment, $CREDENTIALS_DIRECTORY or {SECRETS_FILE}"
            raise Unknown(f"{name} is not set in {places}")
        return name, found, True
