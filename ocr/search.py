"""Where in a photo there is text: a glance at the whole of it, then a closer look where the glance saw something."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ocr.decoding import Photo, decode
from ocr.detector import MEAN_PROBABILITY, STRIDE, Detector, Region, hidden
from ocr.geometry import shrunk, side_lengths
from ocr.types import Limits, Pixels, Polygon, Reading

# All heights are those of a region around a line, in pixels of the detector's input.
GLANCE = 800  # pixels of the longer side of a photo in which PP-OCRv6's detector sees whether there is text
LEGIBLE = 36  # lines of that height are found whole, and in their own shape: half of those of 10 are not
TINY = 15  # lines below have neighbours that were not seen: the next look then reaches farther
HIDDEN = 8  # parts of a photo with signs of text, but no region: fine print under a headline; less is chance
SMALL_SHARE = 10  # percent; the height of the smaller lines is what the look is made for
WORTH_IT = 1.15  # times closer; less is no new look
NARROWEST = 320  # pixels of the shorter side that the glance is at least given: a long screenshot vanishes in less
MOST = 16_000_000  # pixels that the glance is given at the most: a third of that does for a screenshot 790 x 36861
SHORT_SIDE = 736  # pixels of the shorter side; smaller photos are enlarged up to this, or their small text is lost
MANY = 8  # lines; a photo with so many is a document, where enlarging further pays
ENLARGED = 2.5  # times its own pixels; beyond, also a document only gets larger
DETAIL = 1.5  # decoded pixels per pixel of the detector's input: the recognizer needs more than the detector
MARGIN = 2.5  # heights of a line; how far the closer look reaches beyond what the glance saw
SMALL_PART = 0.35  # of a photo; tiny lines all over more of it are looked at less closely, in half of the time
BLOCK = 30  # a region at least so high, and less than three times as wide, is a large word or many lines in one
FINER = 0.6  # of its height; if a closer look at such a region does not find several lines less high, it was a word
SEVERAL = 3  # in clouds it finds one
FARTHER = 5.0  # heights; the same where lines were tiny: of 3,880 in such photos none was farther away
ROOM = 1 / 16  # heights; print is at least so much smaller on every side than what is cut out


class Window(NamedTuple):
    """A part of a photo, its sides in pixels of the full photo, and how much of these the detector sees (1 = all)."""

    left: float
    top: float
    right: float
    bottom: float
    scale: float


class Search:
    """Finds the lines of text in a photo.

    `glancer` tells at GLANCE whether there is text at all. If it is not the detector itself, or None, the detector
    looks at the whole photo, once.
    """

    def __init__(self, detector: Detector, limits: Limits, glancer: Detector | None) -> None:
        self._detector = detector
        self._limits = limits
        self._glancer = glancer
        self._most = round(limits.max_side * DETAIL)  # pixels of the longer side that detail is worth

    def __call__(self, data: bytes, reading: Reading) -> tuple[Photo, list[Polygon]]:
        """The photo, decoded as large as its text needs, and its lines in pixels of the decoded photo.

        Adds the time of its stages to `reading`. Raises UnreadablePhoto.
        """
        photo = self._decode(data, reading, GLANCE if self._glancer else self._limits.max_side)
        own = self._glancer is self._detector
        if self._glancer is None or (photo.lossless and not own):
            return self._whole(data, reading, photo)
        photo, seen, scale = self._glance(self._glancer, data, reading, photo)
        if not seen:
            return photo, []
        return self._closer(data, reading, photo, seen, scale) if own else self._whole(data, reading, photo)

    def _glance(
        self, glancer: Detector, data: bytes, reading: Reading, photo: Photo
    ) -> tuple[Photo, list[Region] | None, float]:
        """The photo, what a glance at it sees, and its scale.

        Fine print vanishes at GLANCE: where little or nothing of it is seen, but it cannot be told that there is none,
        a closer glance follows. A lossless picture may be a screenshot, with fine print all over: it gets a full look.
        """
        scale = 0.0
        for side in [self._limits.max_side] if photo.lossless else [GLANCE, 2 * GLANCE]:
            if _glance_scale(photo, side) <= scale * WORTH_IT:
                break
            scale = _glance_scale(photo, side)
            photo = self._decode(data, reading, round(photo.longer * scale), photo)
            with reading.stage("coarse"):
                seen, signs = glancer.glance(photo.pixels, scale * photo.scale[0])
            if seen is None or (seen and _found_all(photo, seen, signs, scale)):
                break
        return photo, seen, scale

    def _closer(
        self, data: bytes, reading: Reading, photo: Photo, seen: list[Region], scale: float
    ) -> tuple[Photo, list[Polygon]]:
        """The photo and its lines, looked at more closely than at `scale` where that pays."""
        window = self._window(photo, seen, scale)
        while window.scale > scale:
            closer = self._detailed(data, reading, photo, window.scale)
            with reading.stage("detect"):
                found = self._look(closer, window)
            block, height = melted(photo, seen, scale), small(photo, seen)
            due = height * scale * WORTH_IT <= LEGIBLE  # this look, block or not
            if block and not due and sum(heights(closer, found) < FINER * height) < SEVERAL:
                break  # it was a word
            photo, seen, scale = closer, found, window.scale
            coarse = bool(seen) and (block or small(photo, seen) * scale < LEGIBLE / 2)
            if coarse and scale * WORTH_IT < 1:  # the photo has more pixels
                window = self._window(photo, seen, scale)
        polygons = lines(seen)
        if not polygons:
            return photo, []
        smallest = min(min(side_lengths(polygon)) for polygon in polygons) * photo.scale[0] * scale
        closer = self._detailed(data, reading, photo, scale * LEGIBLE / max(LEGIBLE, smallest))
        ratio = np.float32(photo.scale[0] / closer.scale[0])
        return closer, [polygon * ratio for polygon in polygons]

    def _detailed(self, data: bytes, reading: Reading, photo: Photo, scale: float) -> Photo:
        """The photo with the pixels that are worth it for what was looked at with `scale`."""
        side = photo.longer * scale
        return self._decode(data, reading, round(max(side, min(side * DETAIL, self._most))), photo)

    def _whole(self, data: bytes, reading: Reading, photo: Photo) -> tuple[Photo, list[Polygon]]:
        """The photo and its lines, by one look at all of it."""
        photo = self._decode(data, reading, self._limits.max_side, photo)
        with reading.stage("detect"):
            scale = min(enlarged(photo), self._limits.max_side / photo.longer)
            return photo, lines(self._detector(photo.pixels, scale * photo.scale[0]) or [])

    def outline(self, polygon: Polygon) -> Polygon:
        """Where the print is in what was found, which is larger because that is read better."""
        return shrunk(polygon, ROOM)

    def warm_up(self) -> None:
        """Glance at blank photos of the usual shape, so that the engine is prepared for it."""
        if self._glancer is not None:
            for size in ((3, 4), (4, 3)):
                self._glancer(np.zeros((*(GLANCE * side // 4 for side in size), 3), dtype=np.uint8), 1.0)

    def _decode(self, data: bytes, reading: Reading, side: int, photo: Photo | None = None) -> Photo:
        """The photo with a longer side of at least `side` pixels, if it has them; `photo` itself if that is so."""
        if photo and max(photo.pixels.shape) >= min(side, photo.longer):
            return photo
        with reading.stage("decode"):
            return decode(data, needed_side=side, undrafted_side=self._most, max_pixels=self._limits.max_pixels)

    def _window(self, photo: Photo, seen: Sequence[Region], scale: float) -> Window:
        """What to look at more closely; its scale is that of the glance if that was close enough."""
        height = small(photo, seen)
        corners = np.concatenate([region.polygon for region in seen]) * photo.scale[0]
        size = np.array([photo.width, photo.height])
        tiny = height * scale < TINY
        margin = min(height, LEGIBLE / scale) * (FARTHER if tiny else MARGIN)
        left, top = np.maximum(corners.min(axis=0) - margin, 0)
        right, bottom = np.minimum(corners.max(axis=0) + margin, size)
        window = right - left, bottom - top
        part = window[0] * window[1] / (photo.width * photo.height)
        sides = size if tiny and part > SMALL_PART else window  # as close as if it were at the whole, and no closer
        longer, shorter = max(sides), min(sides)
        side = math.sqrt(longer * min(longer, 2 * shorter))  # a strip may be longer, at the same number of pixels
        most = ENLARGED if len(lines(seen)) >= MANY else enlarged(photo)
        wanted = max(LEGIBLE / height, 2 * scale if melted(photo, seen, scale) else 0)
        closer = min(wanted, most, self._limits.max_side / side)
        return Window(left, top, right, bottom, closer if closer > scale * WORTH_IT else scale)

    def _look(self, photo: Photo, window: Window) -> list[Region]:
        left, right = (round(x / photo.scale[0]) for x in (window.left, window.right))
        top, bottom = (round(y / photo.scale[1]) for y in (window.top, window.bottom))
        found = self._detector(photo.pixels[top:bottom, left:right], window.scale * photo.scale[0]) or []
        corner = np.array([left, top], dtype=np.float32)
        return [Region(polygon + corner, probability) for polygon, probability in found]


class WholePhotoSearch:
    """Finds the lines of text in a photo with a detector that looks at the whole of it, once, at a size of its own."""

    def __init__(self, detector: Callable[[Pixels], list[Region]], limits: Limits) -> None:
        self._detector = detector
        self._limits = limits

    def __call__(self, data: bytes, reading: Reading) -> tuple[Photo, list[Polygon]]:
        """As Search's."""
        photo, found = self.regions(data, reading)
        return photo, [region.polygon for region in found]

    def outline(self, polygon: Polygon) -> Polygon:
        """As Search's: the polygon itself."""
        return polygon

    def regions(self, data: bytes, reading: Reading) -> tuple[Photo, list[Region]]:
        """The same with the detector's scores."""
        side = round(self._limits.max_side * DETAIL)
        with reading.stage("decode"):
            photo = decode(data, needed_side=side, max_pixels=self._limits.max_pixels)
        with reading.stage("detect"):
            return photo, self._detector(photo.pixels)


def _found_all(photo: Photo, seen: Sequence[Region], signs: NDArray[np.float32], scale: float) -> bool:
    """Whether a glance saw all that is there, or so much that a closer look will find the rest."""
    height = small(photo, seen) * scale
    if height < LEGIBLE / 2:  # what is hidden beside them will be looked at as closely as by a closer glance
        return len(seen) >= MANY or height >= TINY
    return hidden(signs, seen, photo.pixels) < HIDDEN


def _glance_scale(photo: Photo, side: int) -> float:
    """The scale at which a photo is glanced at with a longer side of about `side` pixels."""
    shorter = min(photo.width, photo.height)
    scale = min(1.0, max(side / photo.longer, NARROWEST / shorter))
    return min(scale, math.sqrt(MOST / photo.longer / shorter), MOST / photo.longer / STRIDE)


def enlarged(photo: Photo) -> float:
    """The scale at which a photo is looked at if there is no reason for less."""
    return max(1.0, SHORT_SIDE / min(photo.width, photo.height))


def heights(photo: Photo, seen: Sequence[Region]) -> NDArray[np.float64]:
    """The height of each region in pixels of the full photo."""
    return np.array([min(side_lengths(region.polygon)) for region in seen]) * photo.scale[0]


def small(photo: Photo, seen: Sequence[Region]) -> float:
    """The height of the smaller lines, in pixels of the full photo; 1 at the least."""
    return max(1.0, float(np.percentile(heights(photo, seen), SMALL_SHARE)))


def melted(photo: Photo, seen: Sequence[Region], scale: float) -> bool:
    """Whether what was seen at a scale may be many lines, so far away that they look like one: few, and one a block."""
    sides = [side_lengths(region.polygon) for region in seen]
    least = BLOCK / (photo.scale[0] * scale)
    return len(seen) < MANY and any(min(side) >= least and max(side) < 3 * min(side) for side in sides)


def lines(seen: Sequence[Region]) -> list[Polygon]:
    """The polygons of the regions that are probably text."""
    return [region.polygon for region in seen if region.probability >= MEAN_PROBABILITY]
