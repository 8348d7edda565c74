import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks import photos
from benchmarks.photos import LabelledPhoto
from benchmarks.scoring import Box, Line, Score, add_photo, measure_iou, normalize
from tests.fakes.project import DATA

LEFT: Box = (0, 0, 100, 20)
RIGHT: Box = (200, 0, 300, 20)


def score(read: list[Line], labels: list[Line] | None, page: str | None = None) -> Score:
    counted = Score()
    add_photo(counted, read, labels, page)
    return counted


def test_a_perfect_reading_scores_one() -> None:
    lines = [Line(LEFT, "Hello"), Line(RIGHT, "world")]
    perfect = score(lines, lines)
    assert perfect.lines.value == perfect.characters.value == 1


def test_text_is_compared_as_a_search_compares_it() -> None:
    assert normalize("\uff28\uff45 llo\u3000\uff37") == "hellow"
    assert score([Line(LEFT, "HE LLO")], [Line(LEFT, "he llo")]).lines.value == 1


def test_lost_spaces_are_counted_apart() -> None:
    labels = [Line(LEFT, "2024-03-17 14:05"), Line(RIGHT, "EUR 4.50")]
    lost = score([Line(LEFT, "2024-03-1714:05"), Line(RIGHT, "EUR 4.50")], labels)
    assert (lost.lines.value, lost.spaces.value) == (1, 0.5)


def test_places_is_the_mean_iou_of_the_lines_found() -> None:
    labels = [Line(LEFT, "abc"), Line(RIGHT, "de"), Line((0, 50, 100, 70), "never read")]
    read = score([Line((0, 0, 50, 20), "abc"), Line(RIGHT, "de")], labels)
    assert read.places.value == 0.75


def test_a_misplaced_text_counts_by_its_characters_but_is_no_line() -> None:
    misplaced = score([Line(RIGHT, "abc")], [Line(LEFT, "abc")])
    assert misplaced.lines.value == 0
    assert misplaced.characters.value == 1


def test_each_label_is_matched_once() -> None:
    twice = score([Line(LEFT, "abc"), Line(LEFT, "abc")], [Line(LEFT, "abc")])
    assert (twice.lines.hits, twice.lines.read, twice.lines.labelled) == (1, 2, 1)


def test_lines_marked_ignore_count_neither_way() -> None:
    labels = [Line(LEFT, "abc"), Line(RIGHT, "smudge", ignore=True)]
    for read in ([Line(LEFT, "abc")], [Line(LEFT, "abc"), Line(RIGHT, "anything")]):
        assert score(read, labels).lines.value == 1


def test_characters_read_where_there_is_no_text_are_false() -> None:
    assert score([Line(LEFT, "a b")], []).false_characters == 2
    assert score([], []).characters.value is None


def test_a_page_counts_by_its_characters_only() -> None:
    page = score([Line(LEFT, "abcx")], None, "abcd")
    assert page.characters.value == 0.75
    assert page.lines.value is None


def test_iou() -> None:
    assert measure_iou(LEFT, LEFT) == 1
    assert measure_iou(LEFT, RIGHT) == 0
    assert measure_iou((0, 0, 2, 1), (1, 0, 3, 1)) == pytest.approx(1 / 3)


def test_a_manifest_is_read(tmp_path: Path) -> None:
    quad = [[0, 0], [10, 1], [10, 5], [0, 4]]
    rows = [
        {"image": "a.jpg", "set": "scenes", "lines": [{"quad": quad, "text": "x", "ignore": True}]},
        {"image": "b.jpg", "set": "pages", "lines": None, "text": "all"},
        {"image": "c.jpg", "set": "no-text", "lines": []},
    ]
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    first, second, third = photos.load(tmp_path)
    assert first.lines == [Line((0, 0, 10, 5), "x", ignore=True)]
    assert (second.lines, second.page) == (None, "all")
    assert third.lines == []
    assert third.path == tmp_path / "c.jpg"


def test_a_resized_copy_has_resized_labels(tmp_path: Path) -> None:
    picture = DATA / "receipt.png"
    photo = LabelledPhoto(picture, "receipts", [Line((10, 20, 110, 40), "EUR 4.50")], None)
    copy = photos.resize(photo, 0.5, tmp_path)
    with Image.open(photo.path) as original, Image.open(copy.path) as smaller:
        assert smaller.size == (original.width / 2, original.height / 2)
    assert copy.lines == [Line((5, 10, 55, 20), "EUR 4.50")]
    assert photos.resize(LabelledPhoto(picture, "pages", None, "all"), 0.5, tmp_path).page == "all"
