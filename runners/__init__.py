"""One module for each kind of hardware that photos are read on."""

import sys

# `import openvino` takes its model converter along unless it is missing, which is two fifths of the time of the import.
sys.modules.setdefault("openvino.tools.ovc", None)  # type: ignore[arg-type]
