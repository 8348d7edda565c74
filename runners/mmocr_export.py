"""Export a detector of MMOCR for the runner mmocr-onnx, in the environment of the runner mmocr."""

import argparse
import sys
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from mmengine.config import ConfigDict

from ocr.errors import RunnerUnavailable
from ocr.mmocr import DECODERS, Recipe, make_decoder
from runners.mmocr import find_own_config, open_inferencer
from runners.mmocr_imports import DETECTOR

OPSET = 18
TRACED_SHAPE = (1, 3, 192, 256)  # others whose sides fit the stride can be computed, too


class Maps(torch.nn.Module):
    """A detector from BGR pixels (1, 3, H, W), 0-255, to the maps (1, C, H, W) that its decoder takes."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.logit_channels = 2 if type(model.det_head.postprocessor).__name__ == "TextSnakePostprocessor" else 0

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        scaling = self.model.data_preprocessor
        inputs = (pixels.flip(1) - scaling.mean) / scaling.std
        features = self.model.extract_feat(inputs)
        if self.logit_channels:
            maps = self.model.det_head(features)
            return torch.cat([maps[:, : self.logit_channels].sigmoid(), maps[:, self.logit_channels :]], dim=1)
        probability: torch.Tensor = self.model.det_head(features, None, mode="predict")
        return probability.reshape(1, 1, *pixels.shape[2:])


def make_recipe(model: Any, pipeline: list[ConfigDict]) -> Recipe:
    """What the config says about pictures and the decoder; raises RunnerUnavailable if it is of another kind."""
    postprocessor, scaling = model.det_head.postprocessor, model.data_preprocessor
    kind = type(postprocessor).__name__
    sizes = [step for step in pipeline if step.type not in {"InferencerLoader", "PackTextDetInputs"}]
    if kind not in DECODERS or [step.type for step in sizes] != ["Resize"] or not sizes[0].get("keep_ratio"):
        raise RunnerUnavailable(
            f"only detectors with {' or '.join(DECODERS)} and a Resize that keeps the ratio can be exported, not {kind}"
        )
    longer, shorter = sorted(sizes[0].scale, reverse=True)
    blue, green, red = scaling.mean.flatten().flip(0).tolist()
    return Recipe(
        longer, shorter, scaling.pad_size_divisor, (blue, green, red), make_decoder(kind, vars(postprocessor))
    )


def export(config: Path, weights: Path, to: Path) -> None:
    """Write the detector of a config and a local checkpoint to an ONNX file; raises RunnerUnavailable."""
    inferencer = open_inferencer(DETECTOR, config, weights, "cpu")
    recipe = make_recipe(inferencer.model, inferencer.cfg.test_dataloader.dataset.pipeline)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # about what becomes a constant, and that the exporter is the old one
        torch.onnx.export(
            Maps(inferencer.model).eval(),
            (torch.zeros(TRACED_SHAPE),),
            to,
            input_names=["pixels"],
            output_names=["maps"],
            dynamic_axes={name: {2: "height", 3: "width"} for name in ("pixels", "maps")},
            opset_version=OPSET,
            dynamo=False,  # the new one writes the weights to a second file
        )
    network = onnx.load(to)
    onnx.helper.set_model_props(network, recipe.to_metadata())
    onnx.save(network, to)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m runners.mmocr_export", description=__doc__)
    parser.add_argument("config", help="a file, or the name of one of MMOCR's own in .mim/configs")
    parser.add_argument("checkpoint", type=Path, help="a file with the weights for it")
    parser.add_argument("to", type=Path, help="the ONNX file to write")
    arguments = parser.parse_args()
    try:
        export(find_own_config(arguments.config) or Path(arguments.config), arguments.checkpoint, arguments.to)
    except (RunnerUnavailable, OSError) as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    main()
