"""How the service is doing, a restart, and the pictures of the page in README."""

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Route, expect

from tests.fakes.browser import PHONE, Opens, Tab
from tests.fakes.project import DATA, PICTURES

SCREENSHOTS = os.environ.get("SCREENSHOTS")  # a folder to write those of README into: `make screenshots`


def test_a_restart_while_photos_are_read_loses_none_and_says_so(tab: Tab) -> None:
    tab.enter_key()
    expect(tab.page.locator("#doing")).to_be_visible()
    tab.choose(*[DATA / "large.jpg"] * 10)
    expect(tab.page.locator(".state", has_text="Reading").first).to_be_visible()
    tab.page.get_by_role("button", name="Restart the model").click()
    expect(tab.page.locator("#restarted")).to_contain_text("none lost")
    expect(tab.page.locator("#restarted")).to_contain_text("under way")
    expect(tab.page.locator("#counted")).to_have_text("10 of 10 photos done")
    expect(tab.page.locator(".line")).to_have_count(10 * len(PICTURES["large.jpg"]))


@pytest.mark.parametrize(
    ("metric", "value", "told"),
    [
        ('photos_total{outcome="reading_failed"}', "1e6", "1000000 photos got no answer"),
        ("model_loaded", "0.0", "nothing to restart"),
    ],
)
def test_a_restart_says_so_when_it_is_not_as_hoped(tab: Tab, metric: str, value: str, told: str) -> None:
    tab.enter_key()
    expect(tab.page.locator("#doing")).to_be_visible()
    asked = iter(range(100))

    def changed(route: Route) -> None:
        answer = route.fetch()
        before = metric.startswith("photos") and next(asked) == 0  # what a restart is compared with
        text = re.sub(rf"^(mtphotos_ocr_{re.escape(metric)}) \S+", rf"\1 {value}", answer.text(), flags=re.MULTILINE)
        route.fulfill(response=answer, body=answer.text() if before else text)

    tab.page.evaluate("Object.defineProperty(document, 'hidden', {value: true})")  # it asks for the restart only
    tab.page.route("**/metrics", changed)
    tab.page.get_by_role("button", name="Restart the model").click()
    expect(tab.page.locator("#restarted")).to_contain_text(told)


def test_it_shows_how_the_service_is_doing(tab: Tab) -> None:
    tab.enter_key()
    tab.choose(DATA / "receipt.png")
    tab.texts("receipt.png")
    photos = tab.served.post("/check").json()["photos"]
    tiles = tab.page.locator("#tiles section")
    expect(tiles.nth(0)).to_contain_text(f"{photos}")
    expect(tiles.nth(3)).to_contain_text("MB")
    expect(tiles).to_have_count(7)
    expect(tiles.nth(5)).to_contain_text("CLIP_API_URL is not set")
    expect(tab.page.locator(".bars")).to_contain_text("recognize")
    expect(tab.page.locator(".stroke").first).to_have_attribute("d", re.compile(r"M[\d.,]+L[\d.,]+L"))  # it grows


def test_the_state_of_clip_search_is_shown(tab: Tab) -> None:
    def changed(route: Route) -> None:
        answer = route.fetch()
        text = re.sub(r'(clip_state\{state="does not answer"\}) 0.0', r"\1 1.0", answer.text())
        text = re.sub(r'(clip_state\{state="not set"\}) 1.0', r"\1 0.0", text)
        text = re.sub(r'(clip_requests_total\{outcome="answered",route="img"\}) 0.0', r"\1 3.0", text)
        route.fulfill(response=answer, body=text.replace("lines_total 0.0", "lines_total 1.0"))

    tab.page.route("**/metrics", changed)
    tab.enter_key()
    tile = tab.page.locator("#tiles section").nth(5)
    expect(tile.locator("strong")).to_have_text("3")
    expect(tile).to_contain_text("does not answer")


@pytest.mark.parametrize("width", [390, 640, 800, 1000, 1200])
def test_the_tiles_fill_their_rows(opened: Opens, width: int) -> None:
    tab = opened(viewport={"width": width, "height": 900})
    tab.enter_key()
    expect(tab.page.locator("#doing")).to_be_visible()
    boxes = [tile.bounding_box() for tile in tab.page.locator("#tiles section:not(.wide)").all()]
    rows = Counter(round(box["y"]) for box in boxes if box)
    assert len(set(rows.values())) == 1
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= width


def test_it_says_when_the_service_no_longer_answers(tab: Tab) -> None:
    tab.enter_key()
    expect(tab.page.locator("#doing")).to_be_visible()
    tab.page.route("**/metrics", lambda route: route.abort(), times=1)
    expect(tab.page.locator("#silent")).to_be_visible()
    expect(tab.page.locator("h1")).to_have_text("It does not answer")
    expect(tab.page.locator("#silent")).to_be_hidden()  # it is back
    expect(tab.page.locator("h1")).to_have_text("It is running")


@pytest.mark.skipif(SCREENSHOTS is None, reason="the screenshots of README are taken by `make screenshots`")
@pytest.mark.parametrize(
    ("file", "photo", "options"),
    [
        ("page-desktop.png", "receipt.png", {"viewport": {"width": 1120, "height": 830}}),
        ("page-desktop.zh.png", "receipt.png", {"viewport": {"width": 1120, "height": 830}, "locale": "zh-CN"}),
        ("page-phone.png", "tilted.png", {"locale": "zh-CN", "color_scheme": "dark"} | PHONE),
    ],
)
def test_screenshots(opened: Opens, file: str, photo: str, options: dict[str, Any]) -> None:
    tab = opened(**options)
    tab.served.post("/ocr", DATA / photo)  # the first one takes longer
    tab.enter_key()
    tab.choose(DATA / photo)
    tab.texts(photo)
    tab.page.locator("section", has=tab.page.locator("#try-title")).evaluate("section => section.scrollIntoView()")
    tab.page.locator(".line").nth(2).hover()
    path = Path(SCREENSHOTS or "") / file
    tab.page.screenshot(path=path)
    with Image.open(path) as shot:
        shot.quantize(128).save(path, optimize=True)
    assert path.stat().st_size < 150_000
