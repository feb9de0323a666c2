"""A node's link to the broker's delivery socket: hello, clock probes, status, and what comes in."""

from camfan_wire.link.link import Link, LinkStarter, run_in_thread
from camfan_wire.link.user import LinkUser, Parts

__all__ = ["Link", "LinkStarter", "LinkUser", "Parts", "run_in_thread"]
