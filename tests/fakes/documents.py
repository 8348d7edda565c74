"""The project's pages in Markdown, as far as tests ask about them."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.fakes.project import ROOT

FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
HIDDEN = re.compile(r"^(\.(?!github)|bench$|__)")
"""Folders that hold no page of the project: environments, caches, what `make bench` writes."""


def pages() -> list[Path]:
    """Every page of the project, wherever it is."""
    found = ROOT.rglob("*.md")
    return sorted(path for path in found if not any(map(HIDDEN.match, path.relative_to(ROOT).parts[:-1])))


def read(page: str | Path) -> str:
    return (ROOT / page).read_text("utf-8")


def both(page: str) -> tuple[str, str]:
    """A page's paths in English and in Chinese: of `docs/gpu`, say."""
    return f"{page}.md", f"{page}.zh.md"


def blocks(text: str, *languages: str) -> list[str]:
    """The blocks of code in these languages."""
    return [code for language, code in FENCE.findall(text) if language in languages]


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return FENCE.sub("", text)


def names(text: str) -> list[str]:
    """What stands in backticks, outside of blocks."""
    return re.findall(r"`([^`\n]+)`", prose(text))


def rows(text: str) -> Iterator[list[str]]:
    """The cells of each row of each table, without the rows of dashes."""
    for line in prose(text).splitlines():
        if line.startswith("|") and not re.fullmatch(r"[|: -]+", line):
            yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def links(text: str) -> list[str]:
    """Where links and pictures lead to."""
    return re.findall(r"\]\(([^()\s]+)\)", prose(text)) + re.findall(r'src="([^"]+)"', prose(text))


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)|[`*]", r"\1", title) for title in titles)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in plain}
