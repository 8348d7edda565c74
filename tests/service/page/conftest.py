"""The page in Chromium."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.fakes.browser import CHROMIUM, FLAGS, PATIENCE_MS, Opens, Tab
from tests.fakes.served import Served


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("the page was not tried in a browser: Chromium is not installed (apt install chromium)")
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def opened(browser: Browser, served: Served) -> Iterator[Opens]:
    """Opens tabs, at another `url` than the service's or with options of Playwright's browser contexts."""
    tabs: list[Tab] = []

    def opening(**options: Any) -> Tab:
        tabs.append(Tab(browser, served, **options))
        return tabs[-1]

    yield opening
    for tab in tabs:
        tab.context.close()
        assert not tab.complaints


@pytest.fixture
def tab(opened: Opens) -> Tab:
    return opened()
