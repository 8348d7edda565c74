"""Accuracy and CPU time of our runners and of the libraries' own objects on labelled photos, in one run.

    python -m benchmarks.accuracy FOLDER [READER ...]

FOLDER has a manifest.jsonl (benchmarks/photos.py). Readers: see benchmarks/readers.py. With few photos, chance
moves the F1 by .01: `--size 0.93 --size 0.96 --size 1.04` reads copies of these sizes too.
"""

import argparse
import time
from collections import defaultdict
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import photos
from benchmarks.readers import READERS
from benchmarks.scoring import Score, add_photo


def main() -> None:
    """Compare the readers that are named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("readers", nargs="*", metavar="READER", help=" ".join(READERS), default=list(READERS))
    parser.add_argument("--set", action="append", help="only this set")
    parser.add_argument(
        "--size", action="append", type=float, default=[], help="also read copies whose sides are so many times as long"
    )
    arguments = parser.parse_args()
    labelled = [photo for photo in photos.load(arguments.folder) if photo.set in (arguments.set or [photo.set])]
    with TemporaryDirectory() as copies:
        labelled += [photos.resize(photo, size, Path(copies)) for size in arguments.size for photo in labelled]
        compare(arguments.readers, labelled)


def compare(readers: list[str], labelled: list[photos.LabelledPhoto]) -> None:
    """Print a row for each reader and set."""
    print("| reader | set | photos | line F1 | same spaces | IoU | character F1 | false characters | CPU s a photo |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in readers:
        reader = READERS[name]()
        scores: defaultdict[str, Score] = defaultdict(Score)
        seconds: defaultdict[str, list[float]] = defaultdict(list)
        for photo in labelled:
            start = time.process_time()
            read = reader(photo.path)
            seconds[photo.set].append(time.process_time() - start)
            add_photo(scores[photo.set], read, photo.lines, photo.page)
        for set_name, score in scores.items():
            mean = sum(seconds[set_name]) / len(seconds[set_name])
            print(
                f"| {name} | {set_name} | {len(seconds[set_name])} | {score.lines} | {score.spaces} |"
                f" {score.places} | {score.characters} | {score.false_characters} | {mean:.3f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
