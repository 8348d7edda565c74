"""Where in a photo there is text: a coarse pass over the whole of it, then fine passes over windows that need them.

Lines that are too small to be legible are seen again at the scale that makes them so, and cells in which the coarse
pass has evidence of text that no line explains at twice the scale, all within a budget of pixels (as AutoFocus does for
objects: Najibi et al. 2019, https://arxiv.org/abs/1812.01600). docs/adr/0008.
"""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ocr.decoding import Photo, decode
from ocr.detector import MEAN_PROBABILITY, STRIDE, Detector, Region, input_size, unexplained
from ocr.geometry import shrunk, side_lengths
from ocr.types import Limits, Pixels, Polygon, Reading, box

COARSE_SIDE_PX = 800  # longer side of the coarse pass: at 704 scenes lose 2 % of their lines, at 960 no more is found
COARSE_SHORT_SIDE_PX = 320  # least shorter side of the coarse pass: a long screenshot vanishes in less
LEGIBLE_PX = 30  # height of a region in the input from which a line is found whole: half of those of 10 are not
GAIN = 1.15  # times closer; less is not worth another pass
MAX_ENLARGEMENT = 2.0  # input pixels per pixel of the full photo; beyond, print only gets larger
MARGIN_LINE_HEIGHTS = 2.0  # how far a window reaches beyond its lines, for neighbours that the coarse pass missed
MARGIN_CELLS = 3  # the same, beyond cells with evidence
MIN_EVIDENCE = 1.0  # sum over a cluster's cells: half of the clusters have less, and 1 in 18 of the lines found so
SIDES_PX = 256, 384, 512, 608, 704, 800, 928, 1088, 1280, 1504, 1760, 2016  # of windows, some of ocr.detector.SIDES
MERGED_COST = 1.2  # times the cost of two windows that one around both may have
EDGE_PX = 4  # of the input; a line that ends so near to the edge of a window is cut off
SHORT_SIDE_PX = 736  # least shorter side of a pass over the whole photo, as RapidOCR has it
DETAIL = 1.5  # decoded pixels per pixel of the detector's input: the recognizer needs more than the detector
PRINT_MARGIN_LINE_HEIGHTS = 1 / 16  # print is at least so much smaller on every side than what is cut out


class Window(NamedTuple):
    """A part of a photo, its sides in pixels of the full photo, and the scale at which the detector is to see it."""

    left: float
    top: float
    right: float
    bottom: float
    px_per_full_px: float

    @property
    def cost_px(self) -> float:
        """Pixels that it costs the detector."""
        width, height = (self.right - self.left) * self.px_per_full_px, (self.bottom - self.top) * self.px_per_full_px
        return max(width, SIDES_PX[0]) * max(height, SIDES_PX[0]) + SIDES_PX[0] ** 2 / 2  # the latter for any pass


class Line(NamedTuple):
    """A region, its polygon in pixels of the full photo.

    It may be too `small` to be found as it is, `several` that look like one, or `cut` off by a window's edge.
    """

    polygon: Polygon
    probability: float
    small: bool = False
    several: bool = False
    cut: tuple[bool, ...] = (False,) * 4  # left, top, right, bottom

    @property
    def sides(self) -> tuple[float, float]:
        """Height and width in pixels of the full photo, whichever way it runs; at least 1."""
        height, width = sorted(side_lengths(self.polygon))
        return max(1.0, height), max(1.0, width)

    @property
    def sure(self) -> bool:
        """Whether it is probably text."""
        return self.probability >= MEAN_PROBABILITY

    @property
    def legible(self) -> bool:
        """Whether it is probably one line, found as it is."""
        return self.sure and not (self.small or self.several or any(self.cut))


class Search:
    """Finds the lines of text in a photo.

    `coarse_detector` sees whether there is text at all. If it is not `detector` itself, or None, the detector sees the
    whole photo, once.
    """

    def __init__(self, detector: Detector, limits: Limits, coarse_detector: Detector | None) -> None:
        self._detector = detector
        self._limits = limits
        self._coarse_detector = coarse_detector
        self._most = round(limits.max_side * DETAIL)  # pixels of the longer side that detail is worth

    def __call__(self, data: bytes, reading: Reading) -> tuple[Photo, list[Polygon]]:
        """The photo, decoded as large as its text needs, and its lines in pixels of the full photo.

        Adds the time of its stages to `reading`. Raises UnreadablePhoto.
        """
        if self._coarse_detector is None:
            return self._whole(data, reading, None)
        photo, lines = self._lines(self._coarse_detector, data, reading)
        if not lines:
            return photo, []
        if self._coarse_detector is not self._detector:
            return self._whole(data, reading, photo)
        side = photo.longer * DETAIL * LEGIBLE_PX / min(line.sides[0] for line in lines)
        return self._decode(data, reading, round(min(side, self._most)), photo), [line.polygon for line in lines]

    def _lines(self, detector: Detector, data: bytes, reading: Reading) -> tuple[Photo, list[Line]]:
        """The photo and its lines, by as many passes as they need; the first ones if another detector finds them."""
        photo = self._decode(data, reading, COARSE_SIDE_PX)
        whole = Window(0, 0, photo.width, photo.height, self._coarse_scale(photo))
        photo = self._decode(data, reading, round(photo.longer * whole.px_per_full_px), photo)
        with reading.stage("coarse"):
            lines, evidence = look(detector, photo, whole, fine=False)
            wanted = [*for_small(lines, whole, photo), *for_evidence(evidence, lines, whole, photo)]
        budget_px = self._limits.max_side**2 * 3 / 4  # as much as a pass over a photo of 4 x 3 at that size
        least = GAIN * whole.px_per_full_px
        while windows := affordable(merged(wanted, budget_px), photo, budget_px, least):
            if detector is not self._detector and any(line.sure for line in lines):
                break
            photo = self._decode(data, reading, round(photo.longer * max(w.px_per_full_px for w in windows)), photo)
            wanted = []
            with reading.stage("detect"):
                for window in windows:
                    found, _ = look(detector, photo, window, fine=True)
                    lines, new = combined(lines, found, window)
                    wanted += [*for_cut(new, window, photo), *for_small(new, window, photo)]
            budget_px -= sum(window.cost_px for window in windows)
            least = GAIN * min(window.px_per_full_px for window in windows)
        return photo, [line for line in lines if line.sure]

    def _coarse_scale(self, photo: Photo) -> float:
        shorter = min(photo.width, photo.height)
        scale = min(1.0, max(COARSE_SIDE_PX / photo.longer, COARSE_SHORT_SIDE_PX / shorter))
        most_px = 4 * self._limits.max_side**2  # a third of that serves a screenshot of 790 x 36861
        return min(scale, math.sqrt(most_px / photo.longer / shorter), most_px / photo.longer / STRIDE)

    def _whole(self, data: bytes, reading: Reading, photo: Photo | None) -> tuple[Photo, list[Polygon]]:
        """The photo and its lines, by one pass over all of it."""
        photo = self._decode(data, reading, self._limits.max_side, photo)
        scale = min(max(1.0, SHORT_SIDE_PX / min(photo.width, photo.height)), self._limits.max_side / photo.longer)
        with reading.stage("detect"):
            found, _ = look(self._detector, photo, Window(0, 0, photo.width, photo.height, scale), fine=False)
        return photo, [line.polygon for line in found if line.sure]

    def outline(self, polygon: Polygon) -> Polygon:
        """Where the print is in what was found, which is larger because that is read better."""
        return shrunk(polygon, PRINT_MARGIN_LINE_HEIGHTS)

    def _decode(self, data: bytes, reading: Reading, side: int, photo: Photo | None = None) -> Photo:
        """The photo with a longer side of at least `side` pixels, if it has them; `photo` itself if that is so."""
        if photo and max(photo.pixels.shape) >= min(side, photo.longer):
            return photo
        with reading.stage("decode"):
            return decode(data, needed_side=side, undrafted_side=self._most, max_pixels=self._limits.max_pixels)


def look(detector: Detector, photo: Photo, window: Window, *, fine: bool) -> tuple[list[Line], NDArray[np.float32]]:
    """The lines that a pass finds in a window, and the evidence in its cells.

    What a fine pass finds far above LEGIBLE_PX is no line, as the coarse one would have found it.
    """
    across, down = photo.px_per_full_px
    left, right = (round(side * across) for side in (window.left, window.right))
    top, bottom = (round(side * down) for side in (window.top, window.bottom))
    pixels = photo.pixels[top : max(bottom, top + 1), left : max(right, left + 1)]
    size = input_size(window.right - window.left, window.bottom - window.top, window.px_per_full_px)
    detection = detector(pixels, size)
    corner, full = np.array([left, top], dtype=np.float32), np.array([1 / across, 1 / down], dtype=np.float32)
    inner = np.array([window.left, window.top, photo.width - window.right, photo.height - window.bottom]) > 1
    lines = []
    for polygon, probability in detection.regions:
        height, width = (side * window.px_per_full_px / across for side in sorted(side_lengths(polygon)))
        small = height < LEGIBLE_PX / (2 if fine else GAIN)
        several = width < 3 * height and height > LEGIBLE_PX * (2 if fine else 1)
        if not fine or height <= 4 * LEGIBLE_PX:
            ends = np.array([*polygon.min(axis=0), *(pixels.shape[1::-1] - polygon.max(axis=0))])
            cut = inner & (ends * window.px_per_full_px / across < EDGE_PX)
            lines.append(Line((polygon + corner) * full, probability, small, several, tuple(cut.tolist())))
    return lines, detection.evidence


def for_cut(lines: Sequence[Line], window: Window, photo: Photo) -> Iterator[Window]:
    """Larger windows for lines that the window's edge cuts off."""
    for line in lines:
        if line.sure and any(line.cut):
            reach = np.where(line.cut, line.sides[1], line.sides[0])
            low, high = line.polygon.min(axis=0) - reach[:2], line.polygon.max(axis=0) + reach[2:]
            yield within(photo, low, high, window.px_per_full_px)


def for_small(lines: Sequence[Line], window: Window, photo: Photo) -> Iterator[Window]:
    """Windows for lines that are too small to be legible."""
    if window.px_per_full_px * GAIN < MAX_ENLARGEMENT:
        for line in (line for line in lines if line.small):
            margin = MARGIN_LINE_HEIGHTS * line.sides[0]
            low, high = line.polygon.min(axis=0) - margin, line.polygon.max(axis=0) + margin
            yield within(photo, low, high, min(LEGIBLE_PX / line.sides[0], MAX_ENLARGEMENT))


def for_evidence(evidence: NDArray[np.float32], lines: Sequence[Line], whole: Window, photo: Photo) -> Iterator[Window]:
    """Windows twice as close around each cluster of cells with evidence in the whole photo that no line explains."""
    scale = min(2 * whole.px_per_full_px, max(1.0, SHORT_SIDE_PX / min(photo.width, photo.height)))
    if not evidence.size or scale < GAIN * whole.px_per_full_px:
        return
    cell = np.array([photo.width / evidence.shape[1], photo.height / evidence.shape[0]], dtype=np.float32)
    known = [line.polygon / cell for line in lines if line.sure and not line.several]
    mask = unexplained(evidence > 0, known)
    reach = np.ones((2 * MARGIN_CELLS + 1,) * 2, np.uint8)
    _, labels, clusters, _ = cv2.connectedComponentsWithStats(cv2.dilate(mask, reach))
    sums = np.bincount(labels.ravel(), weights=(mask * evidence).ravel())
    for left, top, width, height, _ in clusters[1:][sums[1:] > MIN_EVIDENCE]:
        low, high = np.array([left, top]), np.array([left + width, top + height])
        yield within(photo, low * cell, high * cell, scale)


def within(photo: Photo, low: NDArray[np.floating[Any]], high: NDArray[np.floating[Any]], scale: float) -> Window:
    """A window from its upper left to its lower right corner, as far as it is in the photo."""
    (left, top), (right, bottom) = np.maximum(low, 0).tolist(), np.minimum(high, [photo.width, photo.height]).tolist()
    return Window(left, top, right, bottom, scale)


def merged(wanted: Sequence[Window], budget_px: float) -> list[Window]:
    """Windows that cover all that is wanted: two are one where one around both costs hardly more, and so are all.

    A window is as close as three in four of those that it stands for: a speck among lines does not decide.
    """
    windows: list[tuple[Window, list[float]]] = []
    for want in sorted(wanted, key=lambda window: -window.cost_px):
        new = want, [want.px_per_full_px]
        while windows:
            unions = [union(new, other) for other in windows]
            excess = [
                both.cost_px / (new[0].cost_px + other.cost_px)
                for (both, _), (other, _) in zip(unions, windows, strict=True)
            ]
            best = excess.index(min(excess))
            if excess[best] > MERGED_COST:
                break
            new = unions[best]
            del windows[best]
        windows.append(new)
    if not windows:
        return []
    around_all, _ = functools.reduce(union, windows)
    together_px = sum(window.cost_px for window, _ in windows)
    if min(around_all.cost_px, budget_px) <= MERGED_COST * together_px:  # a page: its lines are not to be cut
        return [around_all]
    return [window for window, _ in windows]


def union(one: tuple[Window, list[float]], other: tuple[Window, list[float]]) -> tuple[Window, list[float]]:
    """A window around two, and the scales that it stands for."""
    scales = sorted(one[1] + other[1])
    left, top = (min(one[0][side], other[0][side]) for side in (0, 1))
    right, bottom = (max(one[0][side], other[0][side]) for side in (2, 3))
    return Window(left, top, right, bottom, scales[len(scales) * 3 // 4]), scales


def affordable(windows: Sequence[Window], photo: Photo, budget_px: float, least: float) -> list[Window]:
    """Windows snapped to known sides, the cheapest first; where the budget ends, less close, down to a least scale."""
    chosen = []
    for window in sorted(windows, key=lambda window: window.cost_px):
        area = (window.right - window.left) * (window.bottom - window.top)
        scale = min(window.px_per_full_px, math.sqrt(max(0.0, budget_px) / max(1.0, area)))
        if scale >= min(least, window.px_per_full_px):
            chosen.append(snapped(window._replace(px_per_full_px=scale), photo))
            budget_px -= chosen[-1].cost_px
    return chosen


def snapped(window: Window, photo: Photo) -> Window:
    """A window whose sides are SIDES_PX in the input, filled up with the photo around it, as far as there is any."""
    scale = window.px_per_full_px
    ends = []
    for low, high, length in ((window.left, window.right, photo.width), (window.top, window.bottom, photo.height)):
        wanted = (high - low) * scale
        side = next((side for side in SIDES_PX if side >= 0.95 * wanted), wanted) / scale
        side = side if side < 0.9 * length else length  # few lines end at the last tenth
        start = min(max(0.0, (low + high - side) / 2), max(0.0, length - side))
        ends.append((start, min(length, start + side)))
    (left, right), (top, bottom) = ends
    return Window(left, top, right, bottom, scale)


def combined(lines: Sequence[Line], found: Sequence[Line], window: Window) -> tuple[list[Line], list[Line]]:
    """Lines of coarser passes and what a finer one found in its window; and of the latter what is new.

    A line that was not legible gives way to finer ones that cover it; not sure and not covered, it was noise. Of one
    that was legible nothing is left out, nor cut to pieces: only a whole one takes its place, for its polygon is
    tighter, or flatter ones that show it to be several.
    """
    boxes = np.array([box(line.polygon) for line in found]).reshape(-1, 4)
    kept, pieces = [], set()
    for line in lines:
        low, high = line.polygon.min(axis=0), line.polygon.max(axis=0)
        near = np.flatnonzero((boxes[:, :2] < high).all(axis=1) & (boxes[:, :2] + boxes[:, 2:] > low).all(axis=1))
        shared = {index: cv2.intersectConvexConvex(line.polygon, found[index].polygon)[0] for index in near}
        area = cv2.contourArea(line.polygon)
        covered = sum(part for index, part in shared.items() if found[index].sure)
        again = any(
            2 * part > area and found[index].sure and not any(found[index].cut) for index, part in shared.items()
        )
        inside = bool(((low + high >= 2 * np.array(window[:2])) & (low + high <= 2 * np.array(window[2:4]))).all())
        flat = {index for index in shared if 3 * found[index].sides[0] < 2 * line.sides[0]}
        if line.legible and not again and 2 * sum(shared[index] for index in flat) < area:
            kept.append(line)
            pieces |= {i for i, part in shared.items() if 2 * part > cv2.contourArea(found[i].polygon)} - flat
        elif covered < area / (4 if line.small else 2) and (line.sure or not inside):  # small ones are found too large
            kept.append(line)
    new = [line for index, line in enumerate(found) if index not in pieces]
    return kept + new, new


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
            full = np.divide(1, photo.px_per_full_px, dtype=np.float32)
            return photo, [Region(polygon * full, probability) for polygon, probability in self._detector(photo.pixels)]
