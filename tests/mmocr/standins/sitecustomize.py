"""For tests only: what stands in for the compiled parts of mmcv and torchvision, in every process that they start.

mmcv-lite lacks mmcv._ext, which mmdet imports and neither TextSnake nor DBNet calls. A torchvision that was built for
another PyTorch (as PyPI's is for CUDA) cannot load its operators, of which MMOCR uses none.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn


class Operators(Loader):
    """A module whose every name is a function that cannot be called."""

    def exec_module(self, module: ModuleType) -> None:
        def missing(name: str) -> Callable[..., NoReturn]:
            if name.startswith("__"):
                raise AttributeError(name)

            def operator(*_: object, **__: object) -> NoReturn:
                raise NotImplementedError(f"mmcv-lite has no {name}")

            return operator

        module.__getattr__ = missing  # type: ignore[method-assign]


class Extension(MetaPathFinder):
    """Last of all: only asked where there is no real one."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(name, Operators()) if name == "mmcv._ext" else None


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


sys.meta_path.append(Extension())
sys.meta_path.insert(0, Torchvision())
