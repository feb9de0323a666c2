"""Site files for tests: written to a folder of the test, on ports that are free."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

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


def custom_cameras(*names: str) -> str:
    """A `cameras:` section of cameras that the test publishes itself."""
    return "cameras:\n" + "\n".join(f"  {name}: {{source: custom}}" for name in names)
