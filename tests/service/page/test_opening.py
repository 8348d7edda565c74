"""What the page says, to whom, and who can use it."""

from typing import Any

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, expect

from tests.fakes.browser import PHONE, Opens, Tab
from tests.fakes.project import DATA, PICTURES


def test_it_says_without_a_key_what_runs_and_what_to_enter(tab: Tab) -> None:
    page = tab.page
    expect(page.locator("h1")).to_have_text("It is running")
    expect(page.locator(".facts")).to_contain_text("openvino")
    expect(page.locator("#address")).to_have_text(tab.served.url)
    expect(page.locator("#doing")).to_be_hidden()
    assert tab.served.key not in page.content()


def test_from_another_machine_it_says_its_address_there_and_copies_without_tls(opened: Opens, tab: Tab) -> None:
    expect(tab.page.locator("#local")).to_be_visible()  # there, `localhost` has to be replaced
    there = opened(url=tab.served.url.replace("127.0.0.1", "nas.test"))
    assert there.page.evaluate("[isSecureContext, typeof navigator.clipboard]") == [False, "undefined"]
    expect(there.page.locator("#local")).to_be_hidden()
    there.page.get_by_role("button", name="Copy").click()
    there.page.locator("#key").press("Control+V")
    expect(there.page.locator("#key")).to_have_value(there.url)
    there.enter_key()
    expect(there.page.locator("#doing")).to_be_visible()


def test_its_icon_may_be_shown_and_is_a_picture(tab: Tab) -> None:
    tab.page.evaluate("() => Object.assign(new Image(), { src: '/favicon.ico' }).decode()")


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
    expect(tab.page.get_by_role("status").filter(has_text="0 of 1 photo done")).to_have_count(1)
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


def test_on_a_phone_nothing_is_wider_than_the_screen(opened: Opens) -> None:
    tab = opened(**PHONE)
    tab.enter_key()
    tab.choose(DATA / "receipt.png", DATA / "draw.py")
    expect(tab.page.locator("#counted")).to_have_text("2 of 2 photos done")
    tab.page.get_by_role("button", name="Copy as curl").tap()
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
    seen = []
    with tab.page.expect_file_chooser():  # from the start: Playwright takes a moment until it sees one
        for _ in range(5):
            tab.page.keyboard.press("Tab")
            seen.append(tab.page.evaluate("document.activeElement.id || document.activeElement.textContent"))
        assert tab.page.locator("#drop").evaluate("drop => getComputedStyle(drop).outlineStyle") == "solid"
        tab.page.keyboard.press("Enter")
    assert seen == ["language", "copy-address", "key", "Use this key", "files"]


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
    expect(tab.page.locator("#counted")).to_contain_text("2")
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
