"""What each name of a site may publish, see and control. Pure functions of the site file.

A camera publishes itself and sees nothing; recorders, motion and web see what their sections say;
other keys get what `security.access` grants; the key `owner` sees all and controls all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from camfan_config import Cameras, Motion, Recorder, Site, Web, nodes, select
from camfan_wire import messages
from camfan_wire.errors import WireError
from camfan_wire.messages import Event, Status
from camfan_wire.topics import EVENTS, camera_topic, status_topic

OWNER = "owner"
EVERYTHING = (b"",)  # every topic starts with it

_CONTROLS = (messages.Reload, messages.Set, messages.Record)  # change how a site works
_LOOKS = (messages.Trace, messages.Set, messages.Record)  # of a camera that one may see
_OF_CAMERAS = (messages.Gap, messages.Repaired)  # answers to a repair
# The part of a status that only a node of one kind may send.
_PARTS = {"camera": "publisher", "recorder": "recorder", "motion": "motion", "web": "web"}


@dataclass(frozen=True, slots=True)
class KeyRights:
    """Of one name. `sees` None: all cameras, also those to come."""

    name: str
    kind: str | None = None  # of the node; None: the key of a person or a program
    camera: str | None = None  # whose frames it may publish
    events: frozenset[str] | None = frozenset()  # cameras its events may be about; None: any
    sees: frozenset[str] | None = frozenset()
    control: bool = False
    prefixes: tuple[bytes, ...] = ()  # of the topics it may have

    def permitted(self, asked: bytes) -> tuple[bytes, ...]:
        """What a subscription to `asked` comes to: exactly the part of it that may be seen."""
        if asked.startswith(self.prefixes):
            return (asked,)
        return tuple(prefix for prefix in self.prefixes if prefix.startswith(asked))

    def may_see(self, camera: str) -> bool:
        return self.sees is None or camera in self.sees

    def check_event(self, event: Event) -> None:
        """Raises WireError."""
        if event.source != self.name:
            raise _denied(f"speak for {event.source}")
        if self.events is None or (event.camera is None and self.events):
            return
        if event.camera not in self.events:
            raise _denied(f"publish events of {event.camera or 'the site'}")

    def check_status(self, status: Status) -> None:
        """Raises WireError."""
        if status.node != self.name:
            raise _denied(f"speak for {status.node}")
        for kind, part in _PARTS.items():
            if kind != self.kind and getattr(status, part) is not None:
                raise _denied(f"report figures of a {kind} node")

    def check_message(self, message: messages.ToBroker) -> None:
        """Whether it may send this control message at all. Raises WireError."""
        if isinstance(message, _CONTROLS) and not self.control:
            raise _denied(f"send '{_type(message)}'")
        if isinstance(message, _LOOKS) and not self.may_see(message.camera):
            raise _denied(f"see {message.camera}")
        if isinstance(message, _OF_CAMERAS) and message.camera != self.camera:
            raise _denied(f"send '{_type(message)}' of {message.camera}")
        if isinstance(message, messages.Hello) and message.publishes not in (None, self.camera):
            raise _denied(f"publish {message.publishes}")
        if isinstance(message, messages.Subscribe) and self.sees == frozenset():
            raise WireError(
                "not-allowed",
                f"may not see any camera; this is the key of '{self.name}'",
                about="subscribe",
            )


def rights(site: Site) -> dict[str, KeyRights]:
    """By name: every node of the site, the owner, and the names in `security.access`."""
    found = {OWNER: KeyRights(OWNER, sees=None, control=True, prefixes=EVERYTHING)}
    for node in nodes(site):
        if node.kind == "camera":
            found[node.name] = KeyRights(
                node.name, node.kind, camera=node.name, events=frozenset({node.name})
            )
        elif isinstance(node.section, Recorder | Motion | Web):
            reader = _of_reader(site, node.name, node.section)
            found[node.name] = replace(reader, kind=node.kind)
    for name, access in site.security.access.items():
        seen = _cameras(site, access.view)
        events = seen if access.publish_events else frozenset[str]()
        found[name] = _viewer(site, name, seen, events=events, control=access.control)
    return found


def _of_reader(site: Site, name: str, section: Recorder | Motion | Web) -> KeyRights:
    seen = _cameras(site, section.cameras)
    users = section.users.values() if isinstance(section, Web) else ()
    control = any(user.role != "viewer" for user in users)
    return _viewer(site, name, seen, events=seen, control=control)


def _viewer(
    site: Site,
    name: str,
    sees: frozenset[str] | None,
    *,
    events: frozenset[str] | None,
    control: bool,
) -> KeyRights:
    prefixes = EVERYTHING if sees is None else tuple(_topics(site, name, sees))
    return KeyRights(name, events=events, sees=sees, control=control, prefixes=prefixes)


def _cameras(site: Site, cameras: Cameras) -> frozenset[str] | None:
    return None if cameras == "*" else frozenset(select(site, cameras))


def _topics(site: Site, name: str, sees: frozenset[str]) -> Iterator[bytes]:
    """Frames of these cameras, and events and statuses of nodes that see no others."""
    for node in nodes(site):
        section = node.section
        if node.kind == "camera" and node.name in sees:
            yield camera_topic(node.name)
        elif isinstance(section, Recorder | Motion | Web):
            if node.name != name and not sees.issuperset(select(site, section.cameras)):
                continue
        else:
            continue
        yield EVENTS + node.name.encode() + b"/"
        yield status_topic(node.name)


def _type(message: messages.ToBroker) -> str:
    return str(message.__struct_config__.tag)


def _denied(what: str) -> WireError:
    return WireError("not-allowed", f"may not {what}")
