"""`camfan reload`: the broker reads its site file again; nothing that runs is disturbed."""

from __future__ import annotations

import argparse
import queue
import sys
from pathlib import Path

from camfan import CamfanError, Site, load_site
from camfan.address import delivery_endpoint, own_name
from camfan.identity import client_keys
from camfan.link import Link, LinkUser
from camfan_nodes.command import EXIT_CONFIG, add_key_argument, end_with_code
from camfan_wire import messages

ANSWER_S = 5.0


class NoAnswerError(CamfanError):
    """The broker did not answer."""


def add_reload_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "reload",
        help="have the broker read its site file again",
        description="The broker reads its site file again. A file with mistakes changes nothing.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="FILE")
    add_key_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    return end_with_code("camfan reload", lambda: _reload(args.config, args.key))


def ask_reload(site: Site, key: Path | None = None, wait_s: float = ANSWER_S) -> messages.Reloaded:
    """Have the broker read its file again; its answer. Raises NoAnswerError."""
    endpoint = delivery_endpoint(site)
    answers = _Answers()
    link = Link(
        endpoint,
        name=own_name("reload"),
        kind="reload",
        user=answers,
        keys=client_keys(site, None, key),
    )
    try:
        link.send([messages.encode(messages.Reload())])
        answer = answers.get(timeout=wait_s)
    except queue.Empty:
        raise NoAnswerError(f"the broker at {endpoint} did not answer in {wait_s:.0f} s") from None
    finally:
        link.close()
    if isinstance(answer, messages.Refused):
        raise NoAnswerError(f"the broker refused: {answer.reason}")
    return answer


def _reload(config: Path, key: Path | None) -> int:
    answer = ask_reload(load_site(config), key)
    for line in answer.changed or ["nothing changed for the broker"]:
        print(line)  # noqa: T201 - the answer
    for line in answer.problems:
        sys.stderr.write(f"{line}\n")
    return EXIT_CONFIG if answer.problems else 0


class _Answers(LinkUser):
    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[messages.Reloaded | messages.Refused] = queue.SimpleQueue()
        self.get = self._queue.get

    def on_message(self, message: messages.FromBroker) -> None:
        if isinstance(message, messages.Reloaded | messages.Refused):
            self._queue.put(message)
