"""The site as a picture: Mermaid text to paste, and boxes for the terminal (in `terminal`)."""

from __future__ import annotations

from camfan_config.site.topology import SiteNode, broker_of, brokers, hosts, nodes, select
from camfan_config.types import CustomCamera, Motion, Recorder, Site, UpstreamCamera, Web


def consumers(site: Site) -> dict[str, tuple[str, ...]]:
    """Recorders, motion nodes and web to the cameras they watch."""
    return {
        node.name: select(site, node.section.cameras)
        for node in nodes(site)
        if isinstance(node.section, Recorder | Motion | Web)
    }


def source_of(node: SiteNode) -> str:
    """`v4l2`; the kind of a node that is not a camera."""
    tag = node.section.__struct_config__.tag
    return str(tag) if tag else node.kind


def mermaid(site: Site) -> str:
    """A flowchart that GitHub and most wikis draw: one box a host, frames along the arrows."""
    lines = ["flowchart LR"]
    ids = {node.name: f"n{index}" for index, node in enumerate(nodes(site))}
    for index, (host, here) in enumerate(hosts(site).items()):
        lines.append(f'  subgraph h{index}["{host}"]')
        lines += [f"    {ids[node.name]}{_box(node)}" for node in here]
        lines.append("  end")
    for name in site.cameras:
        lines.append(f"  {ids[name]} --> {ids[broker_of(site, name)]}")
    for name, cameras in consumers(site).items():
        for broker in brokers(site):
            label = _label(site, broker, cameras)
            if label:
                lines.append(f'  {ids[broker]} -->|"{label}"| {ids[name]}')
    for name, recorder in site.recorders.items():
        for source in recorder.clips.source if recorder.clips else ():
            lines.append(f"  {ids[source]} -.->|events| {ids[name]}")
    return "\n".join(lines) + "\n"


def _label(site: Site, broker: str, cameras: tuple[str, ...]) -> str:
    """Those of the cameras that come by this broker; empty if none do."""
    there = [name for name in site.cameras if broker_of(site, name) == broker]
    taken = [name for name in there if name in cameras]
    return "all" if taken and taken == there else ", ".join(taken)


def _box(node: SiteNode) -> str:
    if node.kind == "broker":
        return f'{{{{"{node.name}"}}}}'
    if isinstance(node.section, CustomCamera):
        return f'>"{node.name}<br>your code"]'
    if isinstance(node.section, UpstreamCamera):
        return f'>"{node.name}<br>from {node.section.upstream}"]'
    about = "" if node.name == node.kind else f"<br>{source_of(node)}"
    return f'["{node.name}{about}"]'
