"""Pages of a site that has keys, and of a site that has several brokers."""

from __future__ import annotations

import asyncio
import shutil
import signal
from pathlib import Path

from camfan_testing.jpegs import jpeg
from camfan_testing.live import Camera
from camfan_testing.ports import free_ports
from camfan_testing.processes import Process, camfan, running_broker
from camfan_testing.security import secure_site
from camfan_testing.sites import write_two_brokers
from camfan_testing.web import TestPage, page

FPS = 20.0
FIRST, SECOND = [jpeg(320, 240, 1)], [jpeg(320, 240, 2)]
SECTIONS = """cameras:
  cow: {{source: custom, broker: barn}}
  porch: {{source: custom, broker: house}}
web: {{listen: '127.0.0.1:{port}'}}
"""


def served(path: Path) -> Process:
    return camfan("web", "--config", str(path))


async def pictures(browser: TestPage, camera: int, count: int) -> list[bytes]:
    """This many frames of the camera of this number."""
    found: list[bytes] = []
    while len(found) < count:
        received = await browser.picture()
        if received.number == camera:
            found.append(received.jpeg)
    return found


async def both(url: str, first: str, second: str) -> tuple[list[bytes], list[bytes]]:
    async with page(url) as browser:
        hello = await browser.hello()
        await browser.want(first, second)
        numbers = hello["cameras"]
        return (
            await pictures(browser, numbers[first], 3),
            await pictures(browser, numbers[second], 3),
        )


def test_pictures_of_a_site_with_keys_reach_a_page(tmp_path: Path) -> None:
    """The server shows the key of its section, and sees what the section says."""
    (port,) = free_ports(1)
    web = f"web: {{listen: '127.0.0.1:{port}'}}"
    path = secure_site(tmp_path, "one", "two", extra=web, nodes=("web",)).path
    with (
        running_broker(path),
        Camera(path, "one", FPS, FIRST),
        Camera(path, "two", FPS, SECOND),
        served(path) as server,
    ):
        server.wait_for("open http")
        one, two = asyncio.run(both(f"http://127.0.0.1:{port}", "one", "two"))

    assert (set(one), set(two)) == (set(FIRST), set(SECOND))


def test_a_server_whose_key_is_not_there_says_which(tmp_path: Path) -> None:
    """It does not start with another identity."""
    path = secure_site(tmp_path, "one", extra="web: {}", nodes=("web",)).path
    for file in (tmp_path / "keys").glob("web.*"):
        shutil.move(file, tmp_path)

    with served(path) as server:
        assert server.wait() != 0
    assert "web" in server.output
    assert "open http" not in server.output


def test_pictures_of_the_cameras_of_both_brokers_reach_a_page(tmp_path: Path) -> None:
    """And those of one go on without the other."""
    (port,) = free_ports(1)
    path = write_two_brokers(tmp_path, SECTIONS.format(port=port))
    url = f"http://127.0.0.1:{port}"

    async def look(barn: Process) -> tuple[list[bytes], list[bytes]]:
        cow, porch = await both(url, "cow", "porch")
        async with page(url) as browser:
            numbers = (await browser.hello())["cameras"]
            await browser.want("cow", "porch")
            cow += await pictures(browser, numbers["cow"], 1)
            barn.stop(signal.SIGKILL)
            return cow, porch + await pictures(browser, numbers["porch"], 20)

    with (
        running_broker(path, "--name", "barn") as barn,
        running_broker(path, "--name", "house"),
        Camera(path, "cow", FPS, FIRST),
        Camera(path, "porch", FPS, SECOND),
        served(path) as server,
    ):
        server.wait_for("open http")
        cow, porch = asyncio.run(look(barn))

    assert (set(cow), set(porch)) == (set(FIRST), set(SECOND))
