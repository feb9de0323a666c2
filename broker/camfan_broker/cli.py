"""`broker --config site.yaml`: the broker of a site."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from functools import partial
from importlib.metadata import version
from pathlib import Path

from camfan_broker.access.roster import read_server_auth
from camfan_broker.broker import Addresses, BrokerLoop
from camfan_broker.reload import Reloader
from camfan_broker.report.health import HealthServer, warnings
from camfan_config import (
    Hidden,
    HidingFormatter,
    Site,
    SiteError,
    as_seen_by,
    bind_addresses,
    broker_host,
    brokers,
    first_broker,
    hiding_errors,
    read_site,
)
from camfan_config.errors import CamfanError
from camfan_config.exit_codes import EXIT_CONFIG, EXIT_UNAVAILABLE
from camfan_config.site_file import DEFAULT, VARIABLE, NoSiteError, find_site_file
from camfan_config.text.printable import printable_lines
from camfan_config.text.spelling import did_you_mean
from camfan_wire.keys import KeyFileError
from camfan_wire.machine import own_label
from camfan_wire.notify import notify
from camfan_wire.open_files import raise_open_files
from camfan_wire.terminal import Terminal, forget_output

log = logging.getLogger(__name__)


def main(argv: list[str] | None = None) -> int:
    args = parser().parse_args(argv)
    hidden = Hidden()
    _log_to_stderr(hidden, verbose=args.verbose)
    try:
        config = find_site_file(args.config)
        with hiding_errors(hidden):
            site = _read(hidden, config)
            if args.check:
                print(f"{config}: valid; {len(site.cameras)} cameras")  # noqa: T201 - the answer
                return 0
            return _serve(site, config, args.key, choose(site, args.name), hidden)
    except KeyboardInterrupt:  # before signal handlers were set
        return 0
    except SiteError as exc:
        sys.stderr.write(f"{printable_lines(str(exc))}\n")
        return EXIT_CONFIG
    except (KeyFileError, NoSiteError, WhichBrokerError) as exc:
        sys.stderr.write(f"broker: {printable_lines(str(exc))}\n")
        return EXIT_CONFIG
    except CamfanError as exc:
        sys.stderr.write(f"broker: {printable_lines(str(exc))}\n")
        return EXIT_UNAVAILABLE


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="broker",
        description="Run the broker of a site: receive frames from its cameras and send them "
        "to the readers that are permitted.",
        epilog="Exit codes: 0 stopped by a signal, 69 cannot start (a port is taken), "
        "78 the site file has mistakes. SIGHUP reloads the site file.",
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help=f"site file; default: ${VARIABLE}, then {DEFAULT} in this folder",
    )
    parser.add_argument(
        "--name", help="name of the broker; default: the only one of the site or of this machine"
    )
    parser.add_argument(
        "--key",
        type=Path,
        metavar="FILE",
        help="secret key of the broker; default: $CREDENTIALS_DIRECTORY/broker.secret, then "
        "broker.secret in the folder of keys",
    )
    parser.add_argument("--check", action="store_true", help="validate the site file and exit")
    parser.add_argument("--verbose", action="store_true", help="log at debug level")
    parser.add_argument("--version", action="version", version=f"broker {version('camfan')}")
    return parser


class WhichBrokerError(CamfanError):
    """The site file has no broker of this name, or several that it could be."""


def choose(site: Site, asked: str | None) -> str:
    """The name of the broker to run. Raises WhichBrokerError."""
    known = brokers(site)
    if asked is not None:
        if asked in known:
            return asked
        hint = did_you_mean(asked, known)
        raise WhichBrokerError(f"site '{site.site}' has no broker '{asked}'; {hint}")
    if len(known) == 1:
        return first_broker(site)
    machine = own_label({broker_host(site, name) for name in known})
    here = [name for name in known if broker_host(site, name) == machine]
    if len(here) == 1:
        return here[0]
    raise WhichBrokerError(
        f"site '{site.site}' has brokers {', '.join(known)}; choose one with --name"
    )


def _log_to_stderr(hidden: Hidden, *, verbose: bool) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(HidingFormatter("%(levelname)s %(name)s: %(message)s", hidden))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])


def _read(hidden: Hidden, config: Path) -> Site:
    """The site file; secrets in it are hidden from now on."""
    loaded = read_site(config)
    hidden.add_all(loaded.hidden)
    return loaded.site


def _seen(name: str, hidden: Hidden, config: Path) -> Site:
    """The site file as this broker sees it. Raises SiteError and WhichBrokerError."""
    site = _read(hidden, config)
    return as_seen_by(site, choose(site, name))


def _serve(whole: Site, config: Path, key: Path | None, name: str, hidden: Hidden) -> int:
    site = as_seen_by(whole, name)
    locks = read_server_auth(site, key)
    terminal = Terminal()
    addresses = bind_addresses(site)
    raise_open_files()
    reloader = Reloader(config, partial(_seen, name, hidden), hidden)
    broker = BrokerLoop(
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
                log.info("encrypted; %d keys are admitted", len(locks.roster.ids))
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


def _hang_up(terminal: Terminal, broker: BrokerLoop, reloader: Reloader) -> None:
    if terminal.gone():
        forget_output()
        broker.stop()
    else:
        reloader.ask()
