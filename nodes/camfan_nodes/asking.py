"""Asking the broker one thing, and waiting for the answer."""

from __future__ import annotations

import queue
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from camfan import CamfanError, Site
from camfan.address import delivery_endpoint, own_name
from camfan.identity import client_keys
from camfan_wire import messages
from camfan_wire.link import Link, LinkUser

T = TypeVar("T", bound=Struct)

ANSWER_S = 5.0


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
        answer = answers.get(timeout=wait_s)
    except queue.Empty:
        raise NoAnswerError(
            f"the broker at {endpoint} did not answer in {wait_s:.0f} s; is it running?"
        ) from None
    finally:
        link.close()
    if isinstance(answer, kind):
        return answer
    assert isinstance(answer, messages.Refused)
    if answer.about == "connection":
        raise NoAnswerError(answer.reason)
    raise NoAnswerError(f"the broker refused: {answer.reason}")


class _Answers(LinkUser):
    def __init__(self, kind: type[Struct]) -> None:
        self._kind = kind
        self._queue: queue.SimpleQueue[messages.FromBroker] = queue.SimpleQueue()
        self.get = self._queue.get

    def on_trouble(self, words: str) -> None:
        self._queue.put(messages.Refused(about="connection", reason=words))

    def on_message(self, message: messages.FromBroker) -> None:
        if isinstance(message, self._kind | messages.Refused):
            self._queue.put(message)
