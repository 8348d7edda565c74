"""The page at `/` as a document; tests/service/page uses it in a browser."""

import re
from base64 import b64encode
from hashlib import sha256
from xml.etree import ElementTree as ET

import pytest
from starlette.testclient import TestClient

import api.page
from ocr.models import MODELS
from tests.fakes import runner as fakes
from tests.fakes.project import KEY


def test_it_opens_without_a_key_and_says_what_runs(anonymous: TestClient) -> None:
    page = anonymous.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert re.findall(r"></dt><dd>([^<]+)</dd>", page.text) == [
        anonymous.post("/check", headers={"api-key": KEY}).json()[name] for name in ("version", "runner", "model")
    ]
    (reads,) = re.findall(r"</dt><dd>(<span data-say=.*)</dd>", page.text)
    assert re.findall(r'data-say="([^"]+)"', reads) == ["Chinese", "Japanese", "English", "Latin letters"]
    assert KEY not in page.text


def test_it_is_one_small_document_that_asks_nobody_for_anything(anonymous: TestClient) -> None:
    page = anonymous.get("/").text
    assert len(page.encode()) < 100_000
    assert not re.search(r"\b(src|href|action|style|on\w+)=[\"'h/]|@import|url\(", page)
    assert set(re.findall(r"https?://[^\s\"'`]+", page)) == {"http://www.w3.org/2000/svg"}  # a name, not a place


def test_only_its_own_script_and_style_may_run(anonymous: TestClient) -> None:
    page = anonymous.get("/")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    for element, directive in (("script", "script-src"), ("style", "style-src")):
        (content,) = re.findall(rf"<{element}[^>]*>(.*?)</{element}>", page.text, re.DOTALL)
        assert policy[directive] == f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"] == "'self'"
    assert policy["img-src"] == "'self' blob:"
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"


def test_its_icon_opens_without_a_key_and_is_the_one_on_the_page(anonymous: TestClient) -> None:
    icon = anonymous.get("/favicon.ico")
    assert icon.status_code == 200
    assert icon.headers["content-type"].startswith("image/svg+xml")
    assert "max-age" in icon.headers["cache-control"]
    assert icon.text in anonymous.get("/").text
    assert ET.fromstring(icon.text).tag == "{http://www.w3.org/2000/svg}svg"


def test_what_the_service_tells_of_itself_is_escaped() -> None:
    told = {"version": "</dd><script>1</script>", "runner": "a & b", "model": "$style ${x}"}
    page = bytes(api.page.render(**told, languages=[], slow=True).body).decode()
    assert "&lt;/dd&gt;&lt;script&gt;1&lt;/script&gt;" in page
    assert "a &amp; b" in page
    assert "<dd>$style ${x}</dd>" in page


@pytest.mark.parametrize(("slow", "hint"), [(True, ""), (False, "hidden")])
def test_a_lighter_model_is_named_where_it_would_be_much_faster(slow: bool, hint: str) -> None:
    page = api.page.render(version="1", runner="onnx", model="ppocrv6", languages=["English"], slow=slow)
    assert f'data-say="lighter" {hint}></p>' in bytes(page.body).decode()


def test_it_never_makes_html_of_text() -> None:
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", api.page.SCRIPT)


def test_every_word_is_said_in_both_languages_and_somewhere() -> None:
    words = (api.page.HERE / "words.js").read_text("utf-8")
    rest = "".join(
        (api.page.HERE / name).read_text("utf-8") for name in ("index.html", *api.page.SCRIPTS) if name != "words.js"
    )
    said = re.findall(r"^  (\w+): \[(.*?)\],$", words, re.DOTALL | re.MULTILINE)
    assert len(said) > 50
    for name, texts in said:
        assert re.search(r"[\u4e00-\u9fff]", texts), name
        assert re.search(rf"\"{name}\"|'{name}'|\b{name}: ", rest), name
    for name in re.findall(r'data-say="(\w+)"', rest):
        assert name in dict(said)


def test_what_every_model_reads_is_said_in_both_languages() -> None:
    said = re.findall(r'^  "([\w ]+)": \[".+", ".*[\u4e00-\u9fff].*"\],$', api.page.SCRIPT, re.MULTILINE)
    assert set(said) == {"not known"} | {language for model in MODELS.values() for language in model.languages}


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_can_only_be_looked_at(client: TestClient, method: str) -> None:
    assert client.request(method, "/").status_code == 405


@pytest.mark.parametrize(
    ("photo", "key"),
    [
        (b"", "noPicture"),
        (b"milk, bread", "noPicture"),
        (b"%PDF-1.7\n", "looksLike"),
        (fakes.photo((1, 2, 3))[:45], "brokenPicture"),
        (fakes.photo(fakes.KILLS), "crashes"),
        (fakes.photo(fakes.FAILS), "broken"),
        (b"x" * 65_000_000, "tooLarge"),
    ],
)
def test_what_the_service_says_of_a_photo_has_words_of_the_page(client: TestClient, photo: bytes, key: str) -> None:
    answer = client.post("/ocr", files={"file": ("photo", photo)}).json()
    known = re.findall(r"^  \[/(.*)/, \"(\w+)\"\],$", api.page.SCRIPT, re.MULTILINE)
    said = answer.get("msg") or answer["detail"]
    assert next((word for pattern, word in known if re.search(pattern, said)), said) == key
