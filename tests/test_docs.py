"""The pages for people: they lead somewhere, say the same in both languages, and name what there is."""

import re
from functools import cache
from pathlib import Path

import pytest

import settings
from api import errors, openapi
from tests.fakes import documents
from tests.fakes.project import ROOT

DOCS = ROOT / "docs"
PAIRS = sorted(
    str(page.relative_to(ROOT)).removesuffix(".zh.md") for page in documents.pages() if page.name.endswith(".zh.md")
)
ENGLISH_ONLY = {"architecture"}
"""Pages of docs/ for contributors."""
CODE = {".conf", ".cpp", ".css", ".html", ".j2", ".js", ".json", ".py", ".sh", ".toml", ".txt", ".yaml"}
OUTSIDE = {
    *("$PORT", "EXPOSE 3000", "docker.dockerfile_template", "docker.python_version"),
    *("bentoml.images.Image", 'bentoml.images.Image(distro="none")', "bentoml.models"),
    *("multiprocessing.managers.BaseManager", "avg_pool()", "reduce_mean()", "weights_only"),
    *(
        "rapidocr_paddle.RapidOCR()",
        "ONEDNN_MAX_CPU_ISA=SSE41",
        "Preference-Applied",
        "Via",
        "libcudnn.so",
        "libcudnn.so.8",
    ),
}
"""Names in decisions that are others': of BentoML, of engines, of HTTP."""


@pytest.mark.parametrize("page", documents.pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in documents.links(documents.read(page)):
        if re.match(r"https?://", link):
            continue
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), link
        assert not anchor or anchor in documents.anchors(documents.read(there)), link


@pytest.mark.parametrize("language", ["", ".zh"])
def test_every_page_has_a_place_in_the_index_and_in_the_readme(language: str) -> None:
    there = {page.name for page in DOCS.glob("*.md") if page.name.endswith(".zh.md") == bool(language)}
    there |= {f"{name}.md" for name in ENGLISH_ONLY}
    for index, folder in ((f"docs/README{language}.md", ""), (f"README{language}.md", "docs/")):
        listed = {cells[0] for cells in documents.rows(documents.read(index))}
        for name in there - {f"README{language}.md"}:
            assert any(f"]({folder}{name})" in cell for cell in listed), f"{index}: {name}"


def test_every_page_has_one_in_chinese() -> None:
    english = {page.stem for page in DOCS.glob("*.md") if not page.name.endswith(".zh.md")}
    assert english - ENGLISH_ONLY == {Path(pair).name for pair in PAIRS if pair.startswith("docs/")}


@pytest.mark.parametrize("pair", PAIRS)
def test_the_languages_lead_to_each_other_and_tell_the_same(pair: str) -> None:
    english, chinese = (documents.read(page) for page in documents.both(pair))
    name = Path(pair).name
    assert f"({name}.zh.md)" in english
    assert f"({name}.md)" in chinese
    assert commands(english) == commands(chinese)
    assert [keys(cells) for cells in documents.rows(english)] == [keys(cells) for cells in documents.rows(chinese)]


def commands(text: str) -> list[str]:
    """The lines of a page's commands, without comments and without the words that a user replaces."""
    lines = "\n".join(documents.blocks(text, "sh", "yaml", "toml")).splitlines()
    return [re.sub(r"[A-Z]+_PY_LOADER_IMAGE|[^\x00-\x7f]\S*", "X", re.sub(r" *#.*", "", line)) for line in lines]


def keys(cells: list[str]) -> tuple[int, list[str]]:
    """How many cells a row has, and the names in the first one."""
    return len(cells), re.findall(r"`([\x00-\x5f\x61-\x7f]+)`", cells[0])


@pytest.mark.parametrize("page", documents.pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_is_there(page: Path) -> None:
    text = documents.read(page)
    code = "\n".join([*documents.names(text), *documents.blocks(text, "sh")])
    targets = set(re.findall(r"^([a-z-]+):", documents.read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)(?![\w.])", code)) <= targets
    ours = {path.name for path in ROOT.iterdir()}
    for module in re.findall(r"python -m ([\w.]+)", code):
        path = ROOT / module.replace(".", "/")
        assert module.split(".")[0] not in ours or path.is_dir() or path.with_suffix(".py").is_file(), module


@pytest.mark.parametrize("page", PAIRS)
def test_every_setting_that_is_named_exists(page: str) -> None:
    known = {name.upper() for name in settings.Settings.model_fields}
    others = {"API_AUTH_KEY", "CLIP_MODEL", "OCR_CUDA_DEVICE_ID", "OCR_DET_", "OCR_REC_", "OCR_CLS_"}  # mt-photos-ai's
    for path in documents.both(page):
        named = re.findall(r"\b(?:OCR|HTTP|SERVER|CLIP|MMOCR|LOG)_[A-Z_]+", documents.read(path))
        assert set(named) - others <= known | {"MMOCR_"}, path


@pytest.mark.parametrize("page", documents.both("docs/configuration"))
def test_every_setting_is_listed_with_its_default(page: str) -> None:
    listed = {cells[0].strip("`"): cells[1].strip("`") for cells in documents.rows(documents.read(page)) if cells[1:]}
    listed = {name: default for name, default in listed.items() if re.fullmatch(r"[A-Z_]+", name)}
    fields = settings.Settings.model_fields
    assert set(listed) == {name.upper() for name in fields}
    for name, field in fields.items():
        if field.default_factory is None and field.default is not None:
            assert listed[name.upper()] == str(field.default), name


@pytest.mark.parametrize("page", documents.both("docs/http-api"))
def test_every_route_and_every_error_is_listed(page: str) -> None:
    first = [cells[0] for cells in documents.rows(documents.read(page))]
    assert set(re.findall(r"`(?:[A-Z]+ )?(/[\w/.]*)`", "".join(first))) == openapi.PATHS
    assert {int(status) for status in re.findall(r"`(\d{3})`", "".join(first))} == {*openapi.ERRORS, *errors.HINTS}


@pytest.mark.parametrize("page", documents.both("docs/troubleshooting"))
def test_every_line_of_the_log_that_is_explained_can_be_written(page: str) -> None:
    code = source()
    told = [name for cells in documents.rows(documents.read(page)) for name in documents.names(cells[0])]
    assert len(told) > 10
    for line in told:
        for part in re.split(r"\.\.\.|: |\b\d+\b", line):
            assert part.strip(" ;)") in code or line.startswith("POST"), part


@pytest.mark.parametrize("readme", documents.both("README"))
def test_the_readme_is_short_and_shows_first_what_make_serve_prints(readme: str) -> None:
    text = documents.read(readme)
    assert len(text.splitlines()) <= 140
    command, output = documents.blocks(text, "sh", "text")[:2]
    assert command == "make serve\n"  # which the fixture `served` runs
    installing, *access = output.splitlines()
    key = access[1].removeprefix("API key: ")
    shown = settings.Settings(_env_file=None, http_host="192.168.1.20", api_auth_key=key)
    assert access == settings.describe_access(shown).splitlines()
    rule = re.sub(r"\$\(or \$\(SIZE_\$\*\),([^)]*)\)", r"\1", documents.read("Makefile"))
    assert installing.replace("requirements/openvino.txt", "$<").replace(".venv", "$(1)") in rule


@pytest.mark.parametrize("readme", documents.both("README"))
def test_the_readme_has_no_address_to_be_filled_in(readme: str) -> None:
    assert not re.search(r"git clone|ADDRESS_OF|本仓库的地址", documents.read(readme))


@cache
def source() -> str:
    """All of the code, without this file."""
    folders = (path for path in ROOT.iterdir() if path.is_dir() and not documents.HIDDEN.match(path.name))
    files = [*ROOT.iterdir(), *(path for folder in folders for path in folder.rglob("*"))]
    code = (path for path in files if path.suffix in CODE or path.name == "Makefile")
    return "\n".join(path.read_text("utf-8") for path in code if path.is_file() and path != Path(__file__))


@pytest.mark.parametrize(
    "page", [*sorted((DOCS / "adr").glob("*.md")), DOCS / "architecture.md"], ids=lambda page: page.name
)
def test_names_in_decisions_exist(page: Path) -> None:
    code = source()
    for name in documents.names(documents.read(page)):
        path = re.sub(r"^(\.venv-test/bin/)?python -m |[ (].*", "", name).rstrip("/")
        module = path.replace(".", "/") + ".py"
        there = name[0] not in "/$" and any(ROOT.glob(path))
        known = there or (ROOT / module).is_file() or re.search(rf"(?<!\w){re.escape(name)}(?!\w)", code)
        assert known or name in OUTSIDE, name


@pytest.mark.parametrize("page", sorted((DOCS / "adr").glob("*.md")), ids=lambda page: page.name)
def test_a_decision_is_a_page_of_40_lines_with_its_number(page: Path) -> None:
    lines = documents.read(page).splitlines()
    assert lines[0].startswith(f"# {int(page.name[:4])}. ")
    assert lines[2].startswith("Accepted, ")
    assert len(lines) <= 40
