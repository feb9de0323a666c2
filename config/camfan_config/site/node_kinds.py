"""What kinds of node there are, and what each of them needs: the one table of it.

The loader, `camfan up`, `camfan top`, the keys and the installer read it; a kind that is added
here needs a unit file in `deploy/systemd`, and tests compare the two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from camfan_config.names import BROKER, WEB
from camfan_config.types import (
    Broker,
    CameraBase,
    CustomCamera,
    Motion,
    Recorder,
    Site,
    UpstreamCamera,
    Web,
)

NodeSection = Broker | CameraBase | Recorder | Motion | Web


@dataclass(frozen=True, slots=True)
class NodeKind:
    """One kind of node."""

    name: str
    section: str  # of the site file
    module: tuple[str, ...]  # what `python -m` runs
    command: tuple[str, ...]  # what a shell runs
    needs_extra: Callable[[NodeSection], str | None]  # of camfan, without which it cannot run
    folders: Callable[[NodeSection], Iterator[str]]  # that it writes, besides its own state
    rights: str  # what its key permits
    named: bool = True  # False: a site has one at most, which needs no name
    subcommands: tuple[str, ...] = ()  # what its command takes in place of a node's name


def node_kind(name: str) -> NodeKind:
    """The row of a kind. Raises KeyError."""
    return NODE_KINDS[name]


def sections(site: Site, kind: NodeKind) -> Mapping[str, NodeSection]:
    """The nodes of one kind by name, in the order of the file."""
    if kind.name == BROKER:
        return site.brokers or {BROKER: site.broker}
    found = getattr(site, kind.section)
    if kind.named:
        assert isinstance(found, Mapping)
        return found
    return {} if found is None else {kind.name: found}


def is_started(section: NodeSection) -> bool:
    """False for a camera without a process of its own."""
    return not isinstance(section, CustomCamera | UpstreamCamera)


def unit_file(kind: NodeKind, name: str) -> str:
    """The unit file in `deploy/systemd`; with an `@` where there is one unit for each node."""
    return f"camfan-{kind.name}{'@' if _has_instances(kind, name) else ''}.service"


def unit(kind: NodeKind, name: str) -> str:
    """The systemd unit of a node."""
    return f"camfan-{kind.name}{f'@{name}' if _has_instances(kind, name) else ''}.service"


def _has_instances(kind: NodeKind, name: str) -> bool:
    return kind.named and name != BROKER


def _camera_extra(section: NodeSection) -> str | None:
    return section.extra if isinstance(section, CameraBase) else None


def _recorder_extra(section: NodeSection) -> str | None:
    return "web" if isinstance(section, Recorder) and section.http is not None else None


def _camera_folders(section: NodeSection) -> Iterator[str]:
    if isinstance(section, CameraBase) and section.ring.disk and section.ring.path:
        yield section.ring.path


def _recorder_folders(section: NodeSection) -> Iterator[str]:
    if isinstance(section, Recorder):
        yield section.path
        if section.index is not None:
            yield section.index


def _web_folders(section: NodeSection) -> Iterator[str]:
    if isinstance(section, Web) and section.state:
        yield section.state


def _no_folders(_: NodeSection) -> Iterator[str]:
    return iter(())


_CAMFAN, _NODES = ("camfan",), ("camfan_nodes",)

NODE_KINDS: Mapping[str, NodeKind] = {
    kind.name: kind
    for kind in (
        NodeKind(
            name=BROKER,
            section="broker",
            module=("camfan_broker",),
            command=("broker",),
            needs_extra=lambda _: None,
            folders=_no_folders,
            rights="grants and checks the rights of all others",
        ),
        NodeKind(
            name="camera",
            section="cameras",
            module=(*_NODES, "camera"),
            command=(*_CAMFAN, "camera"),
            needs_extra=_camera_extra,
            folders=_camera_folders,
            rights="publish this camera and its events",
        ),
        NodeKind(
            name="recorder",
            section="recorders",
            module=(*_NODES, "recorder"),
            command=(*_CAMFAN, "recorder"),
            needs_extra=_recorder_extra,
            folders=_recorder_folders,
            rights="see its cameras, publish events of them",
        ),
        NodeKind(
            name="motion",
            section="motion",
            module=(*_NODES, "motion"),
            command=(*_CAMFAN, "motion"),
            needs_extra=lambda _: "motion",
            folders=_no_folders,
            rights="see its cameras, publish events of them",
            subcommands=("try",),
        ),
        NodeKind(
            name=WEB,
            section="web",
            module=(*_NODES, "web"),
            command=(*_CAMFAN, "web"),
            needs_extra=lambda _: "web",
            folders=_web_folders,
            rights="see its cameras, publish events of them; control if one of its users may",
            named=False,
        ),
    )
}
