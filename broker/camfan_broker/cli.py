"""`broker --config site.yaml`: the broker of a site."""

from __future__ import annotations

import argparse
import logging
import resource
import signal
import sys
from importlib.metadata import version
from pathlib import Path

from camfan_broker.broker import Addresses, Broker
from camfan_broker.health import HealthServer, warnings
from camfan_broker.reload import Reloader
from camfan_broker.roster import read_locks
from camfan_config import Site, SiteError, bind_addresses, load_site
from camfan_config.errors import CamfanError
from camfan_wire.keys import KeyFileError
from camfan_wire.notify import notify
from camfan_wire.terminal import Terminal, forget_output

EXIT_CONFIG = 78
EXIT_UNAVAILABLE = 69

log = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    logging.basicConfig(
        level=logging.DEBUG if args.verbose else logging.INFO,
        format="%(levelname)s %(name)s: %(message)s",
    )
    try:
        site = load_site(args.config)
        if args.check:
            print(f"{args.config}: good; {len(site.cameras)} cameras")  # noqa: T201 - the answer
            return 0
        return _serve(site, args.config, args.key)
    except SiteError as exc:
        sys.stderr.write(f"{exc}\n")
        return EXIT_CONFIG
    except KeyFileError as exc:
        sys.stderr.write(f"broker: {exc}\n")
        return EXIT_CONFIG
    except CamfanError as exc:
        sys.stderr.write(f"broker: {exc}\n")
        return EXIT_UNAVAILABLE


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="broker",
        description="The broker of a site: takes frames from its cameras, gives them to whoever "
        "may have them.",
        epilog="Exit codes: 0 stopped by a signal, 69 cannot start (a port is taken), "
        "78 the site file has mistakes. SIGHUP reads the site file again.",
    )
    parser.add_argument("--config", type=Path, required=True, metavar="SITE.YAML")
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="the broker's secret key; without it $CREDENTIALS_DIRECTORY/broker.secret, or the one "
        "in the folder of keys",
    )
    parser.add_argument("--check", action="store_true", help="check the site file and exit")
    parser.add_argument("--verbose", action="store_true", help="say more in the log")
    parser.add_argument("--version", action="version", version=f"broker {version('camfan')}")
    return parser


def _serve(site: Site, config: Path, key: Path | None) -> int:
    locks = read_locks(site, key)
    terminal = Terminal()
    addresses = bind_addresses(site)
    _raise_open_files()
    reloader = Reloader(config)
    broker = Broker(
        site, Addresses(addresses.ingest, addresses.fanout, addresses.delivery), reloader, locks
    )
    try:
        health = HealthServer(broker, site.broker.http) if site.broker.http else None
        try:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: broker.stop())
            signal.signal(signal.SIGHUP, lambda *_: _hang_up(terminal, broker, reloader))
            for warning in warnings(broker):
                log.warning(warning)
            if locks is not None:
                log.info("encrypted; %d keys may come in", len(locks.roster.ids))
            had = broker.addresses
            log.info("ingest %s, fanout %s, delivery %s", had.ingest, had.fanout, had.delivery)
            notify("READY=1")
            broker.run()
            notify("STOPPING=1")
        finally:
            if health is not None:
                health.close()
    finally:
        broker.close()
    return 0


def _hang_up(terminal: Terminal, broker: Broker, reloader: Reloader) -> None:
    if terminal.gone():
        forget_output()
        broker.stop()
    else:
        reloader.ask()


def _raise_open_files() -> None:
    """As many connections as the system allows; the soft limit is often 1024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
