"""A window without a screen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    """SDL on its dummy driver; whatever is painted can be read back."""
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setenv("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    import pygame

    from camfan_nodes.viewer.lettering import forget

    pygame.display.init()
    pygame.font.init()
    yield pygame.display.set_mode((1280, 800), pygame.RESIZABLE)
    forget()
    pygame.quit()
