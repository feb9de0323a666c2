"""Looks at the pages in a browser: what the tiles say, and what their pixels show."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from playwright.sync_api import Locator, Page

Image = npt.NDArray[np.uint8]


def open_live(page: Page, url: str, path: str = "/live") -> None:
    page.goto(f"{url}{path}")


def tile(page: Page, camera: str) -> Locator:
    return page.locator(f'.tile[data-camera="{camera}"]')


def wait_for_state(page: Page, camera: str, *states: str, timeout: float = 30_000) -> None:
    choices = ",".join(f'.tile[data-camera="{camera}"][data-state={state}]' for state in states)
    page.wait_for_selector(choices, timeout=timeout)


def sequences(page: Page) -> dict[str, int]:
    """The sequence of the picture that each tile shows."""
    found: dict[str, str] = page.evaluate(
        "Object.fromEntries([...document.querySelectorAll('.tile[data-sequence]')]"
        ".map(t => [t.dataset.camera, t.dataset.sequence]))"
    )
    return {camera: int(sequence) for camera, sequence in found.items()}


def wait_for(page: Page, condition: Callable[[], bool], timeout: float = 30_000) -> None:
    """Poll what only the test can see, while the page goes on."""
    waited = 0
    while not condition():
        assert waited < timeout, "the condition did not come true"
        page.wait_for_timeout(50)
        waited += 50


def pixels(place: Locator) -> Image:
    """BGR, as it is on the screen."""
    png = np.frombuffer(place.screenshot(animations="disabled"), np.uint8)
    return np.asarray(cv2.imdecode(png, cv2.IMREAD_COLOR), np.uint8)


def colourfulness(image: Image) -> float:
    """How far the pixels are from grey, 0 to 255, on average."""
    wide = image.astype(np.int16)
    return float((wide.max(axis=2) - wide.min(axis=2)).mean())
