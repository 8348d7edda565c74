"""What counts as a lost line, and the table of what was found."""

from benchmarks.everyday import SURE, Scored, find_lost, make_table
from benchmarks.scoring import Line


def scored(text: str, score: float = 0.9, left: float = 0) -> Scored:
    return [(Line((left, 0, left + 100, 20), text), score)]


def test_a_line_is_lost_if_less_than_half_of_it_is_read_where_it_is() -> None:
    sure = scored("POLICE")
    assert find_lost(sure, []) == ["POLICE"]
    assert find_lost(sure, scored("PO")) == ["POLICE"]
    assert find_lost(sure, scored("pol", 0.5)) == []
    assert find_lost(sure, scored("POLICE", left=200)) == ["POLICE"]


def test_what_is_not_sure_or_a_single_letter_cannot_be_lost() -> None:
    assert find_lost(scored("POLICE", SURE - 0.01), []) == []
    assert find_lost(scored("P."), []) == []


def test_the_table_sums_large_and_small_photos_with_and_without_text() -> None:
    row = {
        "megapixels": 12, "refused": False, "text": False, "seconds": 0.5, "cpu_seconds": 1.0,
        "library_seconds": 2.0, "library_cpu_seconds": 3.0, "shapes": [[800, 608]], "lost": [], "gained": ["T"],
    }  # fmt: skip
    large = next(line for line in make_table([row, row | {"megapixels": 1}]).splitlines() if "large, no text" in line)
    cells = [cell.strip() for cell in large.strip("|").split("|")]
    assert cells[1:7] == ["1", "0.50", "1.00", "2.00", "3.00", "4.00, 4.00, 4.00"]
    assert cells[-5:] == ["100%", "0.5", "1", "0 (0)", "1 (1)"]
