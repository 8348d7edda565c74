"""The page at `/`, used in a real browser as people use it, with the model that users get."""

import base64
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx2 as httpx
import numpy as np
import pytest
from axe_playwright_python.base import AXE_SCRIPT
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright

from tests.conftest import DATA, PICTURES
from tests.pictures import KINDS
from tests.server.conftest import Served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="the page was not tried in a browser: Chromium is not installed (apt install chromium)"
)
FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
PHONE = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2, "has_touch": True, "is_mobile": True}
SCREENSHOTS = os.environ.get("SCREENSHOTS")  # a folder to write those of README into: `make screenshots`
DROP = """([name, data]) => {
    const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0));
    const files = new DataTransfer();
    files.items.add(new File([bytes], name));
    return files;
}"""

BOXES = """(sheet) => {
    const all = sheet.getBoundingClientRect();
    const boxes = [...sheet.querySelectorAll("polygon")].map((shape) => shape.getBoundingClientRect());
    return boxes.map((box) => [
        (box.left - all.left) / all.width, (box.top - all.top) / all.height,
        (box.right - all.left) / all.width, (box.bottom - all.top) / all.height,
    ]);
}"""  # left, top, right and bottom of each polygon as it is shown, in parts of the sheet


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Tab:
    """A tab with the page open, which has to stay without complaints and requests to other hosts."""

    def __init__(self, browser: Browser, served: Served, **options: Any) -> None:
        self.served = served
        self.context = browser.new_context(**{"locale": "en-US", "viewport": {"width": 1200, "height": 900}} | options)
        self.context.set_default_timeout(20_000)
        self.complaints: list[str] = []
        self.page = self.open()

    def open(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda message: self._complain(message.text))
        page.on("request", lambda request: self._look(request.url))
        page.goto(self.served.url)
        return page

    def _complain(self, text: str) -> None:
        if not text.startswith("Failed to load resource"):  # that is how Chromium tells of a 401
            self.complaints.append(text)

    def _look(self, url: str) -> None:
        if not url.removeprefix("blob:").startswith(self.served.url) or self.served.key in url:
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
        expect(photo.locator(".look")).to_have_count(1, timeout=60_000)
        texts: list[str] = photo.locator(".line").evaluate_all("lines => lines.map((line) => line.firstChild.data)")
        return texts


class Opens(Protocol):
    def __call__(self, **options: Any) -> Tab: ...


@pytest.fixture
def opened(browser: Browser, served: Served) -> Iterator[Opens]:
    """Opens tabs with options of Playwright's browser contexts."""
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


def test_it_says_without_a_key_what_runs_and_what_to_enter(tab: Tab) -> None:
    page = tab.page
    expect(page.locator("h1")).to_have_text("It is running")
    expect(page.locator(".facts")).to_contain_text("openvino")
    expect(page.locator("#address")).to_have_text(tab.served.url)
    expect(page.locator("#doing")).to_be_hidden()
    assert tab.served.key not in page.content()


def test_it_speaks_the_language_of_the_browser_and_the_one_that_is_chosen(opened: Opens) -> None:
    tab = opened(locale="zh-CN")
    expect(tab.page.locator("h1")).to_have_text("服务运行中")
    expect(tab.page.locator("html")).to_have_attribute("lang", "zh-CN")
    tab.enter_key("wrong")
    expect(tab.page.locator("#key-note")).to_contain_text("密钥不对")
    tab.page.get_by_role("button", name="English").click()
    expect(tab.page.locator("h1")).to_have_text("It is running")
    expect(tab.page.locator("#key-note")).to_contain_text("not the right one")
    tab.page.reload()
    expect(tab.page.locator("h1")).to_have_text("It is running")


@pytest.mark.parametrize("wrong", ["wrong", "密钥"])
def test_a_wrong_key_is_named_as_such_and_not_kept(tab: Tab, wrong: str) -> None:
    tab.choose(DATA / "receipt.png")
    expect(tab.photo("receipt.png")).to_contain_text("Enter the key to begin")
    tab.enter_key(wrong)
    expect(tab.page.locator("#key-note")).to_contain_text("API_AUTH_KEY")
    expect(tab.page.locator("#key")).to_be_focused()
    assert tab.page.evaluate("sessionStorage.length") == 0
    tab.enter_key()  # the photo that was chosen before is read now
    assert tab.texts("receipt.png") == PICTURES["receipt.png"]


def test_the_key_lasts_for_the_tab_until_it_is_forgotten(tab: Tab) -> None:
    tab.enter_key()
    expect(tab.page.locator("#key-fits")).to_be_visible()
    tab.page.reload()
    expect(tab.page.locator("#doing")).to_be_visible()
    assert tab.served.key not in tab.page.content()
    assert tab.page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
    expect(tab.open().locator("#key")).to_be_visible()  # another tab knows nothing of it
    tab.page.get_by_role("button", name="Forget it").click()
    tab.page.reload()
    expect(tab.page.locator("#key")).to_be_visible()


def test_several_photos_are_read_at_once_and_the_file_that_is_none_says_so(tab: Tab) -> None:
    tab.enter_key()
    names = ["receipt.png", "accents.png", "clouds.jpg", "large.jpg", "strip.png"]
    tab.choose(*(DATA / name for name in names), DATA / "draw.py")
    expect(tab.page.locator("#counted")).to_have_text("6 of 6 photos done", timeout=60_000)
    expect(tab.page.locator("#progress")).to_have_js_property("value", 6)
    for name in names:
        assert tab.texts(name) == PICTURES[name]
    expect(tab.photo("clouds.jpg")).to_contain_text("There is no text in this photo.")
    expect(tab.photo("draw.py").locator(".quote")).to_contain_text("no picture can be read")


@pytest.mark.parametrize("way", ["drop", "paste"])
def test_a_photo_can_be_dropped_and_pasted_anywhere(tab: Tab, way: str) -> None:
    tab.enter_key()
    expect(tab.page.locator("#key-fits")).to_be_visible()
    data = base64.b64encode((DATA / "dark.png").read_bytes()).decode()
    files = tab.page.evaluate_handle(DROP, ["dark.png", data])
    if way == "drop":
        tab.page.dispatch_event("footer", "dragover", {"dataTransfer": files})
        expect(tab.page.locator("#drop")).to_have_class("drop over")
        tab.page.dispatch_event("footer", "drop", {"dataTransfer": files})
    else:
        paste = (
            "(files) => document.body.dispatchEvent(new ClipboardEvent('paste', {clipboardData: files, bubbles: true}))"
        )
        tab.page.evaluate(paste, files)
    assert tab.texts("dark.png") == PICTURES["dark.png"]
    assert tab.page.url == f"{tab.served.url}/"


@pytest.mark.parametrize("name", ["receipt.png", "orientation6.jpg", "large.jpg"])
@pytest.mark.parametrize("options", [{}, PHONE], ids=["desktop", "phone"])
def test_the_polygons_lie_on_the_print(opened: Opens, name: str, options: dict[str, Any]) -> None:
    """Of what is dark in the picture as the browser shows it, nearly all is inside the polygons, and some in each."""
    tab = opened(**options)
    tab.enter_key()
    tab.choose(DATA / name)
    assert tab.texts(name) == PICTURES[name]
    sheet = tab.photo(name).locator(".sheet")
    boxes = sheet.evaluate(BOXES)
    sheet.locator("svg").evaluate("svg => (svg.style.visibility = 'hidden')")
    with Image.open(io.BytesIO(sheet.screenshot())) as shot:
        shown = np.asarray(shot.convert("L")).astype(int)
    dark = shown < np.median(shown) - 80
    inside = np.zeros_like(dark)
    for left, top, right, bottom in boxes:
        rows = slice(round(top * len(shown)), round(bottom * len(shown)))
        columns = slice(round(left * len(shown[0])), round(right * len(shown[0])))
        assert dark[rows, columns].any()
        inside[rows, columns] = True
    assert dark.sum() > 100
    assert (dark & inside).sum() > 0.98 * dark.sum()
    assert inside.mean() < 0.4


def test_a_photo_that_the_browser_cannot_show_keeps_its_polygons(tab: Tab, tmp_path: Path) -> None:
    with Image.open(DATA / "tilted.png") as tilted:
        (tmp_path / "photo.heic").write_bytes(KINDS["heic"](tilted.convert("RGB")))
        ratio = tilted.width / tilted.height
    tab.enter_key()
    tab.choose(tmp_path / "photo.heic")
    assert len(tab.texts("photo.heic")) == len(PICTURES["tilted.png"])
    photo = tab.photo("photo.heic")
    expect(photo.locator("figcaption")).to_contain_text("cannot show")
    expect(photo.locator("polygon")).to_have_count(4)
    box = photo.locator("svg").bounding_box()
    assert box
    assert box["width"] / box["height"] == pytest.approx(ratio, rel=0.01)


def test_text_and_names_that_look_like_html_stay_text(tab: Tab, tmp_path: Path) -> None:
    picture = Image.new("RGB", (700, 120), "white")
    ImageDraw.Draw(picture).text((30, 30), "<b>Hello</b> <i>you</i>", "black", ImageFont.load_default(48))
    name = "<img src=x onerror=alert(1)>.png"
    picture.save(tmp_path / name)
    tab.enter_key()
    tab.choose(tmp_path / name)
    assert "<b>Hello</b>" in "".join(tab.texts(name))
    assert tab.page.locator(".photos").locator("li b, li i:not(.bar), li img").count() == 2  # its heading and the photo
    refused = tab.page.evaluate("try { document.body.innerHTML = '<b>1</b>' } catch (error) { error.name }")
    assert refused == "TypeError"  # the policy would stop it if the page tried
    tab.complaints = [complaint for complaint in tab.complaints if "TrustedHTML" not in complaint]


def test_a_line_and_its_polygon_light_up_together(tab: Tab) -> None:
    tab.enter_key()
    tab.choose(DATA / "receipt.png")
    tab.texts("receipt.png")
    polygons, lines = tab.page.locator("polygon"), tab.page.locator(".line")
    polygons.nth(3).hover()
    expect(lines.nth(3)).to_have_class("line lit")
    lines.nth(6).hover()
    expect(polygons.nth(6)).to_have_class("lit")
    expect(polygons.nth(3)).not_to_have_class("lit")
    lines.nth(0).focus()
    tab.page.keyboard.press("ArrowDown")
    expect(lines.nth(1)).to_be_focused()
    expect(polygons.nth(1)).to_have_class("lit")
    polygons.nth(8).click()
    expect(lines.nth(8)).to_be_focused()


def test_the_text_starts_as_high_beside_the_photo_as_in_it(tab: Tab) -> None:
    tab.enter_key()
    tab.choose(DATA / "receipt.png")
    tab.texts("receipt.png")
    for shape, line in zip(tab.page.locator("polygon").all(), tab.page.locator(".line").all(), strict=True):
        drawn, written = shape.bounding_box(), line.bounding_box()
        assert drawn
        assert written
        assert abs(drawn["y"] - written["y"]) < 20
        assert written["x"] > drawn["x"] + drawn["width"]


def test_low_scores_are_marked(tab: Tab) -> None:
    answer = httpx.post(
        f"{tab.served.url}/ocr",
        headers=tab.served.headers | {"prefer": "details"},
        files={"file": (DATA / "receipt.png").read_bytes()},
    ).json()
    answer["result"]["scores"][1] = "0.62"
    tab.page.route("**/ocr", lambda route: route.fulfill(json=answer))
    tab.enter_key()
    tab.choose(DATA / "receipt.png")
    tab.texts("receipt.png")
    expect(tab.page.locator(".line.unsure")).to_have_count(1)
    expect(tab.page.locator(".line.unsure")).to_contain_text("less sure: 0.62")
    expect(tab.page.locator("polygon.unsure")).to_have_count(1)


def test_copy_download_and_curl_give_what_was_read(tab: Tab, tmp_path: Path) -> None:
    name = "it's a; receipt, $1.png"
    shutil.copy(DATA / "receipt.png", tmp_path / name)
    tab.context.grant_permissions(["clipboard-read"])
    tab.enter_key()
    tab.choose(tmp_path / name)
    texts = tab.texts(name)
    tab.page.get_by_role("button", name="Copy all text").click()
    expect(tab.page.get_by_role("button", name="Copied")).to_be_focused()
    assert tab.page.evaluate("navigator.clipboard.readText()") == "\n".join(texts)
    with tab.page.expect_download() as downloading:
        tab.page.get_by_role("button", name="Download JSON").click()
    assert downloading.value.suggested_filename.endswith(".png.json")
    downloaded = json.loads(Path(downloading.value.path()).read_text("utf-8"))
    tab.page.get_by_role("button", name="The same with curl").click()
    line = tab.page.evaluate("navigator.clipboard.readText()")
    assert tab.served.key not in line
    environment = os.environ | {"API_AUTH_KEY": tab.served.key}
    printed = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, check=True)
    answer = json.loads(printed.stdout)
    assert answer["result"] == downloaded["result"]
    assert answer["details"]["polygons"] == downloaded["details"]["polygons"]


def test_a_file_that_is_too_large_is_named_as_such(tab: Tab, tmp_path: Path) -> None:
    with (tmp_path / "large.tif").open("wb") as file:
        file.truncate(65_000_000)
    tab.enter_key()
    tab.choose(tmp_path / "large.tif")
    expect(tab.photo("large.tif").locator("p.bad")).to_contain_text("too large", timeout=20_000)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (503, "Try again in half a minute"),
        (413, "OCR_MAX_UPLOAD_MB"),
        (504, "OCR_TIMEOUT"),
        (500, "log"),
        (0, "answer"),
    ],
)
def test_an_error_says_what_to_do_and_the_photo_can_be_sent_again(tab: Tab, status: int, told: str) -> None:
    def refuse(route: Route) -> None:
        if status:
            route.fulfill(status=status, json={"detail": "<i>why</i>"})
        else:
            route.abort()

    tab.page.route("**/ocr", refuse, times=1)
    tab.enter_key()
    tab.choose(DATA / "strip.png")
    photo = tab.photo("strip.png")
    expect(photo.locator("p.bad")).to_contain_text(told)
    if status:
        expect(photo.locator(".quote")).to_have_text("<i>why</i>")
    photo.get_by_role("button", name="Try again").click()
    assert tab.texts("strip.png") == PICTURES["strip.png"]
    expect(photo.locator("p.bad")).to_have_count(0)


def test_a_restart_while_photos_are_read_loses_none_and_says_so(tab: Tab) -> None:
    tab.enter_key()
    expect(tab.page.locator("#doing")).to_be_visible()
    tab.choose(*[DATA / "large.jpg"] * 8)
    expect(tab.page.locator(".state", has_text="Reading").first).to_be_visible()
    tab.page.get_by_role("button", name="Restart the model").click()
    expect(tab.page.locator("#restarted")).to_contain_text("none lost", timeout=60_000)
    expect(tab.page.locator("#restarted")).to_contain_text("under way")
    expect(tab.page.locator("#counted")).to_have_text("8 of 8 photos done", timeout=60_000)
    expect(tab.page.locator(".line")).to_have_count(8 * len(PICTURES["large.jpg"]))


def test_it_shows_how_the_service_is_doing(tab: Tab) -> None:
    tab.enter_key()
    tab.choose(DATA / "receipt.png")
    tab.texts("receipt.png")
    photos = tab.served.post("/check").json()["photos"]
    tiles = tab.page.locator("#tiles section")
    expect(tiles.nth(0)).to_contain_text(f"{photos}")
    expect(tiles.nth(3)).to_contain_text("MB")
    expect(tiles).to_have_count(6)
    expect(tab.page.locator(".bars")).to_contain_text("recognize")
    expect(tab.page.locator(".stroke").first).to_have_attribute("d", re.compile(r"M[\d.,]+L[\d.,]+L"))  # it grows


def test_it_says_when_the_service_no_longer_answers(tab: Tab) -> None:
    tab.enter_key()
    expect(tab.page.locator("#doing")).to_be_visible()
    tab.page.route("**/metrics", lambda route: route.abort(), times=1)
    expect(tab.page.locator("#silent")).to_be_visible()
    expect(tab.page.locator("h1")).to_have_text("It does not answer")
    expect(tab.page.locator("#silent")).to_be_hidden()  # it is back
    expect(tab.page.locator("h1")).to_have_text("It is running")


def test_on_a_phone_nothing_is_wider_than_the_screen(opened: Opens) -> None:
    tab = opened(**PHONE)
    tab.enter_key()
    tab.choose(DATA / "receipt.png", DATA / "draw.py")
    expect(tab.page.locator("#counted")).to_have_text("2 of 2 photos done", timeout=60_000)
    tab.page.get_by_role("button", name="The same with curl").tap()
    assert tab.page.evaluate("document.documentElement.scrollWidth") == 390
    photo, text = tab.page.locator(".sheet").bounding_box(), tab.page.locator(".lines").bounding_box()
    assert photo
    assert text
    assert text["y"] >= photo["y"] + photo["height"]
    for button in tab.page.locator("button, summary").filter(visible=True).all():
        box = button.bounding_box()
        assert box
        assert box["height"] >= 40  # pixels that a finger can hit


def test_the_keyboard_alone_suffices(tab: Tab) -> None:
    keyboard = tab.page.keyboard
    seen = []
    for _ in range(5):
        keyboard.press("Tab")
        seen.append(tab.page.evaluate("document.activeElement.id || document.activeElement.textContent"))
    assert seen == ["language", "copy-address", "key", "Use this key", "files"]
    outline = tab.page.locator("#drop").evaluate("drop => getComputedStyle(drop).outlineStyle")
    assert outline == "solid"
    with tab.page.expect_file_chooser():
        keyboard.press("Space")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("options", [{"locale": "en-US"}, {"locale": "zh-CN"} | PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(opened: Opens, scheme: str, options: dict[str, Any]) -> None:
    tab = opened(color_scheme=scheme, reduced_motion="reduce", **options)
    violations = [axe(tab.page)]
    tab.enter_key("wrong")
    expect(tab.page.locator("#key-note")).to_have_class("hint bad")
    violations.append(axe(tab.page))
    tab.enter_key()
    tab.choose(DATA / "receipt.png", DATA / "draw.py")
    expect(tab.page.locator("#counted")).to_contain_text("2", timeout=60_000)
    tab.texts("receipt.png")
    tab.page.locator(".actions button").nth(2).click()
    tab.page.locator(".line").first.focus()
    violations.append(axe(tab.page))
    assert violations == [[], [], []]


def axe(page: Page) -> list[str]:
    """What axe objects to, with the elements."""
    page.evaluate(AXE_SCRIPT)
    found = page.evaluate("axe.run()")["violations"]
    return [f"{each['impact']} {each['id']}: {node['html']}" for each in found for node in each["nodes"]]


@pytest.mark.skipif(SCREENSHOTS is None, reason="the screenshots of README are taken by `make screenshots`")
@pytest.mark.parametrize(
    ("file", "photo", "options"),
    [
        ("page-desktop.png", "receipt.png", {"viewport": {"width": 1120, "height": 1400}}),
        ("page-phone.png", "tilted.png", {"locale": "zh-CN", "color_scheme": "dark"} | PHONE),
    ],
)
def test_screenshots(opened: Opens, file: str, photo: str, options: dict[str, Any]) -> None:
    tab = opened(**options)
    tab.enter_key()
    tab.choose(DATA / photo)
    tab.texts(photo)
    for picture in ["large.jpg", "accents.png", "clouds.jpg"] * 8:  # so that the charts have something to show
        tab.served.post("/ocr", DATA / picture)
        tab.page.wait_for_timeout(500)
    tab.page.locator("section", has=tab.page.locator("#try-title")).evaluate("section => section.scrollIntoView()")
    tab.page.locator(".line").nth(2).hover()
    path = Path(SCREENSHOTS or "") / file
    tab.page.screenshot(path=path)
    with Image.open(path) as shot:
        shot.quantize(128).save(path, optimize=True)
    assert path.stat().st_size < 150_000
