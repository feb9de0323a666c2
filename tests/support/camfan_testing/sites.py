"""Site files for tests: written to a folder of the test, on ports that are free."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from camfan_testing.ports import free_ports


@dataclass(frozen=True, slots=True)
class TestSite:
    """A site file on disk, and the ports in it."""

    __test__ = False

    path: Path
    ingest: int
    fanout: int
    delivery: int
    http: int

    @property
    def delivery_endpoint(self) -> str:
        return f"tcp://127.0.0.1:{self.delivery}"


def write_site(folder: Path, sections: str, *, memory: str = "64MB") -> TestSite:
    """A site of its own ports, with `sections` (cameras: …, recorders: …) as given."""
    ingest, fanout, delivery, http = free_ports(4)
    path = folder / "site.yaml"
    path.write_text(
        f"""version: 1
site: testing
broker:
  ports: {{ingest: {ingest}, fanout: {fanout}, delivery: {delivery}}}
  http: 127.0.0.1:{http}
  memory: {memory}
{sections}
""",
        encoding="utf-8",
    )
    return TestSite(path, ingest, fanout, delivery, http)


def write_two_brokers(folder: Path, sections: str) -> Path:
    """A site of brokers `barn` and `house`, with `sections` as given; its file."""
    ports = free_ports(8)
    path = folder / "site.yaml"
    lines = [
        f"  {name}: {{memory: 64MB, http: '127.0.0.1:{http}', "
        f"ports: {{ingest: {ingest}, fanout: {fanout}, delivery: {delivery}}}}}"
        for name, (ingest, fanout, delivery, http) in zip(
            ("barn", "house"), (ports[:4], ports[4:]), strict=True
        )
    ]
    text = "\n".join(["version: 1", "site: farm", "brokers:", *lines, sections, ""])
    path.write_text(text, encoding="utf-8")
    return path


def custom_cameras(*names: str, titles: Mapping[str, str] = MappingProxyType({})) -> str:
    """A `cameras:` section of cameras that the test publishes itself."""
    lines = [
        f"  {name}: {{source: custom, title: {json.dumps(titles[name], ensure_ascii=False)}}}"
        if name in titles
        else f"  {name}: {{source: custom}}"
        for name in names
    ]
    return "\n".join(("cameras:", *lines))
