"""What is bounded for attackers does not hurt honest use, however much of it there is at once."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import pytest

from camfan import Subscriber, load_site
from camfan_testing.hashes import PASSWORD_HASH
from camfan_testing.live import Camera, wait_until
from camfan_testing.processes import running_broker
from camfan_testing.security import secure_site
from camfan_testing.web import live_web, page
from camfan_testing.web_client import Client

pytestmark = pytest.mark.long

VIEWERS = 64
USERS = f"""  users:
    ines: {{password: {PASSWORD_HASH}, role: owner}}
    guest: {{password: {PASSWORD_HASH}}}
  proxies: [127.0.0.1]
"""


@pytest.mark.timeout(180)
def test_sixty_four_viewers_of_one_key_come_back_at_once(tmp_path: Path) -> None:
    """After an outage of the broker all of them read on, and none is refused."""
    written = secure_site(tmp_path, "one", limits="{connections_per_key: 160}", memory="160MB")
    site = load_site(written.path)
    key = tmp_path / "keys/anna.secret"
    with Camera(site, "one", 5), ExitStack() as stack:
        first = running_broker(written.path)
        first.__enter__()
        viewers = [
            stack.enter_context(Subscriber.latest(site, "one", key=key)) for _ in range(VIEWERS)
        ]
        for viewer in viewers:
            viewer.read(timeout=60)
        first.__exit__(None, None, None)
        with running_broker(written.path) as broker:
            wait_until(lambda: all(viewer.connected for viewer in viewers), 60)
            for viewer in viewers:
                viewer.read(timeout=60)
            assert "refused: anna" not in broker.output


@pytest.mark.timeout(180)
def test_a_script_that_subscribes_and_leaves_in_a_loop(tmp_path: Path) -> None:
    """It may have to wait for a moment, and always gets its picture."""
    written = secure_site(tmp_path, "one")
    site = load_site(written.path)
    with running_broker(written.path), Camera(site, "one", 15):
        for _ in range(200):
            with Subscriber.latest(site, "one", key=tmp_path / "keys/anna.secret") as frames:
                assert frames.read(timeout=30).camera == "one"


@pytest.mark.timeout(180)
def test_a_page_of_sixty_four_tiles_opened_fifty_times(tmp_path: Path) -> None:
    """By one user, one after the other and many at once."""
    names = [f"cam-{number}" for number in range(64)]
    with live_web(tmp_path, *names, web=USERS) as running:
        client = Client(running.url, headers={"X-Forwarded-For": "192.0.2.1"})
        assert client.log_in("guest") == 200
        headers = {"Cookie": client.cookie or "", **client.headers}

        async def open_pages() -> None:
            async def one() -> None:
                async with page(running.url, headers=headers) as browser:
                    await browser.hello()
                    await browser.want(*names)
                    await browser.text("state")

            for _ in range(10):
                await one()
            await asyncio.gather(*(one() for _ in range(40)))

        asyncio.run(open_pages())


@pytest.mark.timeout(180)
def test_a_browser_behind_the_same_address_as_two_hundred_others(tmp_path: Path) -> None:
    """A proxy or NAT that hides them: each keeps a page open, and another one still gets in."""
    with live_web(tmp_path, "one", web=USERS) as running:
        owner = Client(running.url)
        assert owner.log_in("ines") == 200
        clients = []
        for _ in range(4):
            client = Client(running.url)
            assert client.log_in("guest") == 200
            clients.append(client)

        async def crowd() -> None:
            async with asyncio.timeout(120):
                stop = asyncio.Event()

                async def visitor(cookie: str) -> None:
                    async with page(running.url, headers={"Cookie": cookie}) as browser:
                        await browser.hello()
                        await stop.wait()

                tasks = [
                    asyncio.create_task(visitor(clients[number % 4].cookie or ""))
                    for number in range(60)
                ]
                idle = [await asyncio.open_connection(*_address(running.url)) for _ in range(200)]
                async with page(running.url, headers={"Cookie": owner.cookie or ""}) as browser:
                    await browser.hello()
                    await browser.text("state")
                stop.set()
                await asyncio.gather(*tasks)
                for _, writer in idle:
                    writer.close()

        asyncio.run(crowd())


def _address(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").rpartition(":")
    return host, int(port)
