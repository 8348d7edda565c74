"""How many pixels are in memory at once."""

import struct
import threading
from collections.abc import Callable

import pytest
from PIL import Image

from tests.fakes.pictures import encoded, raw
from worker.pixel_budget import PixelBudget, weigh_pixels


class Visit:
    """A photo that passes the gate in a thread of its own and stays inside until it is told to go."""

    def __init__(self, gate: PixelBudget, pixels: int) -> None:
        self.inside = threading.Event()
        self.go = threading.Event()
        self.thread = threading.Thread(target=self._visit, args=(gate, pixels), daemon=True)
        self.thread.start()

    def _visit(self, gate: PixelBudget, pixels: int) -> None:
        with gate.hold(pixels):
            self.inside.set()
            self.go.wait(10)

    def leave(self) -> None:
        self.go.set()
        self.thread.join(10)


def entered(visit: Visit) -> bool:
    return visit.inside.wait(10)


def waits(visit: Visit) -> bool:
    return not visit.inside.wait(0.05)


def test_photos_pass_together_up_to_the_bound() -> None:
    gate = PixelBudget(100)
    first, second, third = Visit(gate, 60), Visit(gate, 40), Visit(gate, 1)
    assert sum(map(waits, (first, second, third))) == 1
    for visit in (first, second, third):
        visit.go.set()
    for visit in (first, second, third):
        visit.leave()
    assert third.inside.is_set()


def test_one_of_any_size_passes_alone() -> None:
    gate = PixelBudget(100)
    large = Visit(gate, 500)
    assert entered(large)
    small = Visit(gate, 1)
    assert waits(small)
    large.leave()
    assert entered(small)


def test_a_large_one_is_not_put_off_by_small_ones() -> None:
    gate = PixelBudget(100)
    first = Visit(gate, 10)
    assert entered(first)
    large = Visit(gate, 100)
    assert waits(large)
    small = Visit(gate, 10)
    assert waits(small)
    first.leave()
    assert entered(large)
    large.leave()
    assert entered(small)


def test_a_photo_that_fails_leaves_its_room() -> None:
    gate = PixelBudget(100)
    for _ in range(3):
        broken(lambda: 1 // 0, gate)
    assert entered(Visit(gate, 100))


def test_of_a_raw_file_the_preview_counts_whatever_its_header_says() -> None:
    file = raw(Image.new("RGB", (240, 160)))
    width = struct.pack("<HHI", 256, 4, 1)
    false = file.replace(width + struct.pack("<I", 240), width + struct.pack("<I", 1), 1)
    assert false != file
    assert weigh_pixels(file) == weigh_pixels(false) == 240 * 160


def broken(read: Callable[[], int], gate: PixelBudget) -> None:
    try:
        with gate.hold(100):
            read()
    except ZeroDivisionError:
        return


@pytest.mark.parametrize(("kind", "weight"), [("PNG", 1), ("HEIF", 2), ("WEBP", 4)])
def test_the_pixels_of_a_photo_weigh_what_its_format_needs(kind: str, weight: int) -> None:
    assert weigh_pixels(encoded(Image.new("RGB", (64, 32)), kind)) == weight * 64 * 32


@pytest.mark.parametrize("data", [b"", b"no photo", encoded(Image.new("L", (64, 32)), "PNG")[:20]])
def test_what_is_no_picture_waits_for_none(data: bytes) -> None:
    assert weigh_pixels(data) == 0
