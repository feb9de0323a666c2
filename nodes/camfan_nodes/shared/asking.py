"""Asks the broker one question, and waits for the answer."""

from __future__ import annotations

import queue
import time
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from camfan import CamfanError, Site
from camfan.address import delivery_endpoint, own_name
from camfan.identity import client_keys
from camfan_config import as_seen_by, brokers
from camfan_wire import messages
from camfan_wire.link import Link, LinkUser

T = TypeVar("T", bound=Struct)

ANSWER_S = 5.0
AGAIN_S = 1.5  # for further attempts after a connection was refused


class NoAnswerError(CamfanError):
    """The broker did not answer, or refused."""


def ask(
    site: Site,
    question: messages.ToBroker,
    kind: type[T],
    *,
    name: str,
    key: Path | None = None,
    wait_s: float = ANSWER_S,
) -> T:
    """The broker's answer, which is a `kind`. Raises NoAnswerError."""
    endpoint = delivery_endpoint(site)
    answers = _Answers(kind)
    link = Link(
        endpoint,
        name=own_name(name),
        kind=name,
        user=answers,
        keys=client_keys(site, None, key),
    )
    try:
        link.send([messages.encode(question)])
        answer = _first_answer(answers, wait_s)
    finally:
        link.close()
    if answer is None:
        silence = f"the broker at {endpoint} did not answer in {wait_s:.0f} s; is it running?"
        raise NoAnswerError(answers.trouble or silence)
    if isinstance(answer, kind):
        return answer
    assert isinstance(answer, messages.Refused)
    raise NoAnswerError(f"the broker refused: {answer.reason}")


def ask_reload(site: Site, key: Path | None = None, wait_s: float = ANSWER_S) -> messages.Reloaded:
    """Make each broker read its file again; their answers. Raises NoAnswerError."""
    changed: list[str] = []
    problems: list[str] = []
    for name in brokers(site):
        about = f"{name}: " if site.brokers else ""
        seen, question = as_seen_by(site, name), messages.Reload()
        try:
            answer = ask(seen, question, messages.Reloaded, name="reload", key=key, wait_s=wait_s)
        except NoAnswerError as exc:
            if not site.brokers:
                raise
            problems.append(f"{about}{exc}")
            continue
        changed += [about + line for line in answer.changed]
        problems += [about + line for line in answer.problems]
    return messages.Reloaded(changed=changed, problems=problems)


def _first_answer(answers: _Answers, wait_s: float) -> messages.FromBroker | None:
    """None if none came in time.

    Where the connection is refused, the next attempts decide: a broker ends connections that were
    made while it was loading new keys.
    """
    until_s = time.monotonic() + wait_s
    while True:
        try:
            answer = answers.get(timeout=max(until_s - time.monotonic(), 0))
        except queue.Empty:
            return None
        if answer is not None:
            return answer
        until_s = min(until_s, time.monotonic() + AGAIN_S)


class _Answers(LinkUser):
    def __init__(self, kind: type[Struct]) -> None:
        self._kind = kind
        self._queue: queue.SimpleQueue[messages.FromBroker | None] = queue.SimpleQueue()
        self.get = self._queue.get
        self.trouble: str | None = None  # why the connection is refused

    def on_trouble(self, words: str) -> None:
        self.trouble = words
        self._queue.put(None)

    def on_message(self, message: messages.FromBroker) -> None:
        if isinstance(message, self._kind | messages.Refused):
            self._queue.put(message)
