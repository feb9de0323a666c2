"""The process that serves the recordings of one recorder; its recorder starts and ends it.

It ends when its standard input does, so it cannot outlive the recorder.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from camfan_nodes.recordings_http.server import RecordingsServer
from camfan_nodes.shared.command import end_with_code, log_to_stderr
from camfan_nodes.shared.opening import opened_site

log = logging.getLogger("camfan_nodes.recordings_http")


def main() -> int:
    parser = argparse.ArgumentParser(prog="camfan recorder, HTTP", description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--key", type=Path)
    arguments = parser.parse_args()
    log_to_stderr()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the recorder, which ends this
    return end_with_code(f"recorder {arguments.name}, http", lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    with opened_site(arguments.config) as loaded:
        asyncio.run(_serve(RecordingsServer(loaded.site, arguments.name, arguments.key)))
    return 0


async def _serve(server: RecordingsServer) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    async with server.running() as address:
        log.info("recordings at %s/api/recordings", address)
        await ended.wait()


if __name__ == "__main__":
    sys.exit(main())
