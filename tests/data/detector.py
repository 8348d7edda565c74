"""Makes detector.onnx: a detector as runners.mmocr_export writes it, of one layer, to which dark places are text.

`python -m tests.data.detector`, with the package onnx installed.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ocr.mmocr import DbNetDecoder, Recipe

WHITE = 255.0
INK = 18.0  # grey levels below white, the mean of a place of SIZE, from which it is text
SIZE = (9, 31)  # pixels, height and width
SHARP = 0.3  # of the logit, per grey level

if __name__ == "__main__":
    weight = np.full((1, 3, *SIZE), -SHARP / 3 / SIZE[0] / SIZE[1], np.float32)
    constants = {"white": np.array([WHITE], np.float32), "weight": weight, "bias": np.array([-SHARP * INK], np.float32)}
    nodes = [
        helper.make_node("Sub", ["pixels", "white"], ["ink"]),
        helper.make_node("Conv", ["ink", "weight", "bias"], ["logit"], auto_pad="SAME_UPPER"),
        helper.make_node("Sigmoid", ["logit"], ["maps"]),
    ]
    network = helper.make_model(
        helper.make_graph(
            nodes,
            "detector",
            [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, [1, 3, "height", "width"])],
            [helper.make_tensor_value_info("maps", TensorProto.FLOAT, [1, 1, "height", "width"])],
            [numpy_helper.from_array(values, name) for name, values in constants.items()],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=9,
    )
    decoder = DbNetDecoder(text_repr_type="quad", mask_thr=0.5, min_text_score=0.5, unclip_ratio=0.3)
    helper.set_model_props(network, Recipe(512, 512, 32, (WHITE, WHITE, WHITE), decoder).to_metadata())
    onnx.save(network, Path(__file__).with_suffix(".onnx"))
