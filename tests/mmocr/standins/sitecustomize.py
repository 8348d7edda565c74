"""For tests only: what stands in for the compiled part of torchvision, in every process that they start.

A torchvision that was built for another PyTorch (as PyPI's is for CUDA) cannot load its operators, of which MMOCR uses
none.
"""

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any


class Torchvision(MetaPathFinder):
    """Declares the operators that torchvision describes when it is imported, if it cannot load them."""

    library: Any = None

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> None:
        found = PathFinder.find_spec(name) if name == "torchvision" and not self.library else None
        if found and found.origin:
            import torch

            try:
                torch.ops.load_library(Path(found.origin).with_name("_C.so"))
            except OSError:
                self.library = torch.library.Library("torchvision", "DEF")
                for operator in ("nms", "qnms"):
                    self.library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


sys.meta_path.insert(0, Torchvision())
