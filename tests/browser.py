"""A real Chromium, headless, with nothing outside that it could ask."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Dialog, Page

_NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--enable-unsafe-swiftshader",
)  # fmt: skip


@dataclass
class Heard:
    """What a page asked for beside itself and what it holds, and what it complained of."""

    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@contextmanager
def chromium() -> Iterator["Browser"]:
    """The browser; a test is skipped where there is none, or nothing to drive it with."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip("there is no Chromium")
    api = pytest.importorskip("playwright.sync_api", reason="there is no playwright to drive Chromium with")
    with api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield browser
        browser.close()


@contextmanager
def opened_page(browser: "Browser", path: Path, **context: Any) -> Iterator[tuple["Page", Heard]]:
    """A file as a reader who likes no motion sees it; `context` is what playwright knows of them."""
    heard, address = Heard(), path.resolve().as_uri()
    with browser.new_context(**{"reduced_motion": "reduce"} | context) as opened:
        page = opened.new_page()
        page.on("console", lambda message: heard.complaints.append(message.text))
        page.on("pageerror", lambda error: heard.complaints.append(str(error)))
        page.on("dialog", lambda dialog: _refuse(heard, dialog))
        page.on("request", lambda request: _note(heard, address, request.url))
        page.goto(address)
        yield page, heard


def _note(heard: Heard, address: str, url: str) -> None:
    if url.partition("#")[0] != address and not url.startswith("data:"):
        heard.requests.append(url)


def _refuse(heard: Heard, dialog: "Dialog") -> None:
    heard.complaints.append(dialog.message)
    dialog.dismiss()
