"""Makes the pictures of the README from the running demonstration: `make pictures`.

Runs the site of the demonstration on this machine for some seconds, without a screen, and saves
what the viewer, the table and the browser show of it to docs/pictures/.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["PYGAME_HIDE_SUPPORT_PROMPT"] = "1"

import pygame
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from camfan import Site, Subscriber, load_site
from camfan.reading.mailbox import Item
from camfan_config import title_of
from camfan_config.site.pace import planned_pace
from camfan_nodes.demo.clip import CLIP, write_clip
from camfan_nodes.demo.site import check_ports, demo_site_file
from camfan_nodes.monitor import tokens
from camfan_nodes.monitor.board import Feed
from camfan_nodes.monitor.site_listener import SiteListener
from camfan_nodes.monitor.table import SiteTable
from camfan_nodes.shared.share import Work, page_address
from camfan_nodes.viewer.window import ViewerWindow

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "pictures"
SIZE = (1280, 434)
PAGE_SIZE = (1280, 540)
WIDTH = 116  # of the table, in letters
THEME = TerminalTheme(tokens.PAGE, tokens.TEXT, [tokens.SECOND] * 8)
PATIENCE_S = 60.0  # for a person to walk through the scene


def main() -> None:
    folder = ROOT / ".demo"
    clip = folder / CLIP
    if not clip.is_file():
        write_clip(clip, lambda _done, _total: None)
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as recordings:
        os.environ["DEMO_SOURCE"], os.environ["DEMO_DEVICE"] = "file", ""
        os.environ["DEMO_VIDEO"], os.environ["DEMO_LOOP"] = str(clip), "true"
        os.environ["DEMO_RECORDINGS"] = recordings
        site = load_site(demo_site_file())
        check_ports(site)
        take_pictures(site)


@contextmanager
def running() -> Iterator[None]:
    """The site of the demonstration, until the pictures are taken."""
    command = [sys.executable, "-m", "camfan_nodes", "up", str(demo_site_file())]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def take_pictures(site: Site) -> None:
    pygame.display.init()
    pygame.font.init()
    surface = pygame.display.set_mode(SIZE)
    with (
        SiteListener(site) as listener,
        Subscriber(site, events=True, statuses=True, kind="viewer") as frames,
    ):
        feed = Feed(frames)
        window = ViewerWindow(
            surface,
            feed,
            list(site.cameras),
            site=site.site,
            titles={name: title_of(site, name) for name in site.cameras},
            limits={name: planned_pace(camera).limits for name, camera in site.cameras.items()},
            folder=Path(),
        )
        feed.start(window.wake)
        try:
            with running():
                wait_for_motion(window, listener, frames)
                pygame.image.save(surface, str(PICTURES / "viewer.png"))
                save_table(listener)
                save_page(page_address(site, [Work("web", "web", ())]) or "")
            wait_for_silence(window, frames)
            pygame.image.save(surface, str(PICTURES / "viewer-without-broker.png"))
        finally:
            feed.close()
            window.close()
            pygame.quit()


def wait_for_motion(window: ViewerWindow, listener: SiteListener, frames: Subscriber[Item]) -> None:
    """Until all is live, recorded, and a person walks where the lamp is."""
    ends_s = time.monotonic() + PATIENCE_S
    moving_since_s = None
    while time.monotonic() < ends_s:
        window.turn()
        facts = listener.facts()
        ready = not facts.needs and all(camera.recorded_until_ns for camera in facts.cameras)
        moving = any(camera.moving for camera in facts.cameras)
        if not (ready and moving and frames.connected):
            moving_since_s = None
        elif moving_since_s is None:
            moving_since_s = time.monotonic()
        elif time.monotonic() - moving_since_s > 2:
            return
    sys.exit(f"in {PATIENCE_S:.0f} s not all of it worked: {listener.facts().summary}")


def wait_for_silence(window: ViewerWindow, frames: Subscriber[Item]) -> None:
    """Until the window knows that the broker is gone, and some seconds more."""
    ends_s = time.monotonic() + PATIENCE_S
    while frames.connected and time.monotonic() < ends_s:
        window.turn()
    ends_s = time.monotonic() + 3
    while time.monotonic() < ends_s:
        window.turn()


def save_page(address: str) -> None:
    """The live page as Chromium shows it; the picture in the middle of the README."""
    with sync_playwright() as playwright:
        path = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page(
            viewport={"width": PAGE_SIZE[0], "height": PAGE_SIZE[1]}, color_scheme="dark"
        )
        page.goto(f"{address}/live")
        page.locator(".tile[data-state=live]").nth(1).wait_for(timeout=20_000)
        page.wait_for_timeout(1500)  # until the rate and the age have settled
        page.screenshot(path=PICTURES / "live.jpg", type="jpeg", quality=85)
        browser.close()


def save_table(listener: SiteListener) -> None:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(SiteTable(listener.facts(), listener.site_ns()))
    svg = console.export_svg(title="camfan top", theme=THEME)
    without_fonts = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)  # of another server
    (PICTURES / "top.svg").write_text(without_fonts, encoding="utf-8")


if __name__ == "__main__":
    main()
