"""The page at `/` in a real browser, as people use it, on the service with the model that users get."""

import shutil
from pathlib import Path
from typing import Any, Protocol

from playwright.sync_api import Browser, Locator, Page, expect

from tests.fakes.served import Served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP nas.test 127.0.0.1",  # a name that is not this machine's, as a NAS has
)
PATIENCE_MS = 120_000
"""As long as a busy machine may need to show something; one that fails is not to take ten minutes to say so."""
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}


class Tab:
    """A tab with the page open, which has to stay without complaints and requests to other hosts."""

    def __init__(self, browser: Browser, served: Served, **options: Any) -> None:
        self.served = served
        self.url = options.pop("url", served.url)
        self.context = browser.new_context(**{"locale": "en-US", "viewport": {"width": 1200, "height": 900}} | options)
        self.context.set_default_timeout(PATIENCE_MS)
        self.complaints: list[str] = []
        self.page = self.open()

    def open(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._complain(message.text))
        page.on("request", lambda request: self._look(request.url))
        page.goto(self.url)
        return page

    def _complain(self, text: str) -> None:
        if not text.startswith("Failed to load resource"):  # that is how Chromium tells of a 401
            self.complaints.append(text)

    def _look(self, url: str) -> None:
        if not url.removeprefix("blob:").startswith(self.url) or self.served.key in url:
            self.complaints.append(url)

    def enter_key(self, key: str | None = None) -> None:
        self.page.locator("#key").fill(key or self.served.key)
        self.page.locator("#key").press("Enter")

    def choose(self, *photos: Path) -> None:
        self.page.locator("#files").set_input_files(photos)

    def photo(self, name: str) -> Locator:
        return self.page.locator(".photos > li").filter(has=self.page.get_by_text(name, exact=True))

    def texts(self, name: str) -> list[str]:
        """What the page shows as read in a photo, once it does."""
        photo = self.photo(name)
        expect(photo.locator(".look")).to_have_count(1)
        texts: list[str] = photo.locator(".line").evaluate_all("lines => lines.map((line) => line.firstChild.data)")
        return texts


class Opens(Protocol):
    def __call__(self, **options: Any) -> Tab: ...
