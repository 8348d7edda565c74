from pathlib import Path

import pytest
from PIL import Image

from benchmarks import photos, screens


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> list[photos.LabelledPhoto]:
    folder: Path = tmp_path_factory.mktemp("screens")
    screens.draw(folder, [(640, 360), (900, 500)])
    return photos.load(folder)


def test_every_kind_of_screenshot_is_drawn_in_each_size_and_format(drawn: list[photos.LabelledPhoto]) -> None:
    assert len(drawn) == len(screens.KINDS) * 2 * len(screens.FORMATS)
    assert {photo.set for photo in drawn} == {
        f"{kind} {suffix}" for kind in screens.KINDS for suffix in screens.FORMATS
    }


def test_each_label_is_where_its_text_was_drawn(drawn: list[photos.LabelledPhoto]) -> None:
    for photo in drawn:
        assert photo.lines
        with Image.open(photo.path) as image:
            for line in photo.lines:
                left, top, right, bottom = line.box
                assert 0 <= left < right <= image.width
                assert 0 <= top < bottom <= image.height
                darkest, lightest = (
                    image.convert("L").crop((round(left), round(top), round(right), round(bottom))).getextrema()
                )
                assert float(str(darkest)) + 100 < float(str(lightest))
