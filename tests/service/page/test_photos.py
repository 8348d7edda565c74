"""Photos on the page: sent, shown with what was read in them, and taken away as text."""

import base64
import io
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Route, expect

from api.errors import UNEXPECTED
from api.graceful_shutdown import STOPPING
from ocr.errors import FAILED, NO_MEMORY
from ocr.formats import READABLE_FORMATS, explain_refusal
from tests.fakes.browser import PHONE, Opens, Tab
from tests.fakes.pictures import KINDS
from tests.fakes.project import DATA, PICTURES
from tests.fakes.waiting import LONG_S

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


def test_several_photos_are_read_at_once_and_the_file_that_is_none_says_so(tab: Tab) -> None:
    tab.enter_key()
    names = ["receipt.png", "accents.png", "clouds.jpg", "large.jpg", "strip.png"]
    tab.choose(*(DATA / name for name in names), DATA / "draw.py")
    expect(tab.page.locator("#counted")).to_have_text("6 of 6 photos done")
    expect(tab.page.locator("#progress")).to_have_js_property("value", 6)
    for name in names:
        assert tab.texts(name) == PICTURES[name]
    expect(tab.photo("clouds.jpg")).to_contain_text("There is no text in this photo.")
    expect(tab.photo("draw.py").locator("p.bad")).to_contain_text("is no photo")


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
        timeout=LONG_S,
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
    tab.page.get_by_role("button", name="Copy as curl").click()
    line = tab.page.evaluate("navigator.clipboard.readText()")
    assert tab.served.key not in line
    expect(tab.page.locator(".command .hint")).to_contain_text("export API_AUTH_KEY='the key'")
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
    expect(tab.photo("large.tif").locator("p.bad")).to_contain_text("too large")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, explain_refusal(b"%PDF-1.4")),
        (200, explain_refusal(b"?")),
        (200, f"the RAW file has no preview as JPEG; {READABLE_FORMATS}"),
        (200, "the picture is broken: image file is truncated"),
        (200, "the picture has 9 x 9 pixels; up to 7.5 megapixels are read from a PNG file (OCR_MAX_MEGAPIXELS)"),
        (503, NO_MEMORY),
        (200, "reading this photo crashed the reader or took all memory, twice"),
        (413, "the upload is larger than 64 MB (OCR_MAX_UPLOAD_MB)"),
        (503, "64 photos are being read or waiting already (OCR_QUEUE); send this photo again later"),
        (503, STOPPING),
        (504, "reading the photo took longer than 120 s (OCR_TIMEOUT)"),
        (500, FAILED),
        (500, UNEXPECTED),
    ],
)
def test_errors_are_told_in_the_language_of_the_page(opened: Opens, status: int, reason: str) -> None:
    tab = opened(locale="zh-CN")
    body = {"result": [], "msg": reason} if status == 200 else {"detail": reason}
    tab.page.route("**/ocr", lambda route: route.fulfill(status=status, json=body))
    tab.enter_key()
    tab.choose(DATA / "strip.png")
    photo = tab.photo("strip.png")
    expect(photo.locator("p.bad")).to_contain_text("。")
    expect(photo.locator(".quote")).to_have_count(0)
    expect(photo.locator("p.bad")).not_to_contain_text(re.compile("photo|picture|service|reading"))


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
