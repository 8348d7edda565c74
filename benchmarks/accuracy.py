"""Accuracy of our runners and of the libraries' own objects on labelled photos, in one run.

    python -m benchmarks.accuracy FOLDER [READER ...]

FOLDER has a manifest.jsonl (benchmarks/photos.py). Readers: see benchmarks/readers.py.
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path

from benchmarks import photos
from benchmarks.readers import READERS
from benchmarks.scoring import Score, add_photo


def main() -> None:
    """Print a row for each reader and set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("readers", nargs="*", metavar="READER", help=" ".join(READERS), default=list(READERS))
    parser.add_argument("--set", action="append", help="only this set")
    arguments = parser.parse_args()
    labelled = [photo for photo in photos.load(arguments.folder) if photo.set in (arguments.set or [photo.set])]
    print("| reader | set | photos | line F1 | same spaces | character F1 | false characters | seconds per photo |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.readers:
        reader = READERS[name]()
        scores: defaultdict[str, Score] = defaultdict(Score)
        seconds: defaultdict[str, list[float]] = defaultdict(list)
        for photo in labelled:
            start = time.perf_counter()
            read = reader(photo.path)
            seconds[photo.set].append(time.perf_counter() - start)
            add_photo(scores[photo.set], read, photo.lines, photo.page)
        for set_name, score in scores.items():
            mean = sum(seconds[set_name]) / len(seconds[set_name])
            print(
                f"| {name} | {set_name} | {len(seconds[set_name])} | {score.lines} | {score.spaces} |"
                f" {score.characters} | {score.false_characters} | {mean:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
