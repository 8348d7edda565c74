"""Which runners can read here."""

from importlib.metadata import PackageNotFoundError, distribution

from ocr.errors import RunnerUnavailable
from runners import RUNNERS, nvidia
from runners.base import Options


def candidates(setting: str, options: Options) -> list[str]:
    """The runners to try for a value of OCR_RUNNER, in the order in which `auto` prefers them.

    Raises:
        RunnerUnavailable: there is none; the message says what to do.
    """
    names = [setting]
    if setting == "auto":  # the runners for cards can do without one, but not as fast as others
        suited = [name for name, entry in RUNNERS.items() if entry.automatic]
        if options.device == "cpu":
            suited = [name for name in suited if RUNNERS[name].card != "needed"]
        names = [name for name in suited if _installed(name)] or suited
    problems = {name: _problem(name, options) for name in names}
    found = [name for name, problem in problems.items() if not problem]
    if not found:
        raise RunnerUnavailable("; ".join(f"OCR_RUNNER={name} {problem}" for name, problem in problems.items()))
    return found


def _problem(name: str, options: Options) -> str:
    """Why a runner cannot read, or nothing."""
    entry = RUNNERS[name]
    if not _installed(name):
        return f"needs the package {entry.engines[0]}: make setup TARGET={name}"
    if options.device not in {None, "cpu"} and entry.card == "unused":
        return f"cannot use OCR_DEVICE={options.device}: it reads on the CPU"
    if not options.model_dir and entry.model(options) not in entry.models:
        return f"has no OCR_MODEL={options.model}: it has {' and '.join(entry.models)}"
    if entry.card == "needed" and options.device != "cpu" and not nvidia.has_driver():
        return "finds no NVIDIA driver: install it; in a container, docker run --gpus all; or allow OCR_DEVICE=cpu"
    return ""


def _installed(name: str) -> bool:
    return any(map(_is_there, RUNNERS[name].engines))


def _is_there(package: str) -> bool:
    try:
        distribution(package)
    except PackageNotFoundError:
        return False
    return True
