"""Imports MMOCR 1.0.1, the last release, which needs older packages than those of today.

- NumPy 2 has no `sctypes`, in which imgaug looks up the names of types.
- mmcv-lite, the mmcv without compiled operators, installs in seconds, but MMDetection imports `mmcv._ext`, although
  neither TextSnake nor DBNet calls an operator in it. Where the real one is missing, a stand-in is imported; its
  operators say what to install when a network calls one.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NoReturn

import numpy as np

EXTENSION = "mmcv._ext"


class MissingOperators(Loader):
    """A module in which every name is a function that raises NotImplementedError."""

    def exec_module(self, module: ModuleType) -> None:
        def missing(name: str) -> Callable[..., NoReturn]:
            if name.startswith("__"):
                raise AttributeError(name)

            def operator(*_: object, **__: object) -> NoReturn:
                raise NotImplementedError(
                    f"mmcv-lite has no operator {name}: this network needs mmcv 2.0.1 itself (ase/README.md)"
                )

            return operator

        module.__getattr__ = missing  # type: ignore[method-assign]


class ExtensionFinder(MetaPathFinder):
    """Finds the stand-in. It is last on sys.meta_path, so it is asked only if there is no real extension."""

    def find_spec(self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None) -> ModuleSpec | None:
        return ModuleSpec(name, MissingOperators()) if name == EXTENSION else None


if not hasattr(np, "sctypes"):
    np.sctypes = {  # type: ignore[attr-defined]  # noqa: NPY201
        kind: [np.dtype(f"{kind}{bits}").type for bits in (16, 32, 64)] for kind in ("float", "int", "uint")
    }
sys.meta_path.append(ExtensionFinder())

import mmocr  # noqa: E402
from mmocr.apis import TextDetInferencer, TextRecInferencer  # noqa: E402

DETECTOR, RECOGNIZER = TextDetInferencer, TextRecInferencer
CONFIGS = Path(mmocr.__file__).parent / ".mim" / "configs"
"""The folder of MMOCR's own configs."""
