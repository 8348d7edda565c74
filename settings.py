"""Every setting, its unit and its default: environment variables, lines of a .env file, or files in /run/secrets."""

import math
import os
import re
import socket
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Literal

from pydantic import Field, HttpUrl, IPvAnyAddress, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

SECRETS_FOLDER = Path("/run/secrets")
"""Where containers find secrets, each in a file with the name of its setting, such as api_auth_key."""


def find_any_address() -> IPv4Address | IPv6Address:
    """The address for listening on both IPv4 and IPv6, or on IPv4 alone on a machine without IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as probe:
            probe.bind(("::", 0))
    except OSError:
        return IPv4Address("0.0.0.0")  # noqa: S104 - the home network is to reach it
    return IPv6Address("::")


def count_usable_cores(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """The cores that this process may use, by its affinity and by the CPU limit of its container if there is one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for names in [("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")]:  # cgroups v2, v1
        try:
            quota, period = (int(number) for name in names for number in (cgroup / name).read_text("ascii").split())
        except (OSError, ValueError):  # the other version, or a quota of "max"
            continue
        if quota > 0:
            return min(cores, math.ceil(quota / period))
    return cores


class SettingsError(ValueError):
    """A setting cannot be used; the message names its variable or file and says what to do."""


class Settings(BaseSettings):
    """A setting's environment variable has its name in upper case. A blank variable counts as not set."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    api_auth_key: SecretStr | None = Field(None, description="the key that MT Photos sends; required")
    http_host: IPvAnyAddress = Field(
        default_factory=find_any_address, description="address to listen on; default: all, IPv4 and IPv6"
    )
    http_port: int = Field(8000, ge=1, le=65535, description="port to listen on")
    ocr_runner: Literal["auto", "openvino", "onnx", "cuda", "cuda-onnx", "mmocr", "mmocr-onnx"] = Field(
        "auto",
        description="`openvino`, `onnx`, `cuda`, `cuda-onnx`, `mmocr`, `mmocr-onnx`, or `auto`",
    )
    ocr_device: str | None = Field(
        None, description="for `cuda`, `cuda-onnx`, `mmocr`: `gpu`, `gpu:1` (second card), `cpu`; default: first card"
    )
    ocr_gpu_memory_mb: int = Field(
        2000, ge=500, description="MB (of 1,000,000 bytes) of the card's memory that may be used"
    )
    ocr_model: Literal[
        "auto",
        "ppocrv6",
        "ppocrv6-tiny",
        "ppocrv6-medium",
        "ppocrv5",
        "ppocrv5-server",
        "ppocrv4",
        "korean",
        "eslav",
        "cyrillic",
        "th",
        "el",
        "arabic",
        "devanagari",
        "ta",
        "te",
        "latin",
        "paddleocr",
    ] = Field(
        "auto",
        description="one that `make models` lists: `ppocrv6` (better), `ppocrv4` for the same texts as mt-photos-ai, a "
        "language such as `korean`, or `auto`: the runner's best",
    )
    ocr_model_dir: Path | None = Field(
        None, description="folder with your own det.onnx and rec.onnx; for `cuda`, with the folders det and rec"
    )
    ocr_threads: int = Field(default_factory=count_usable_cores, ge=1, le=256, description="cores to use; default: all")
    ocr_nice: int = Field(
        10, ge=0, le=19, description="how far reading steps back behind what else the machine does; 0: not at all"
    )
    ocr_parallel: int = Field(2, ge=1, le=64, description="photos read at the same time; the others wait")
    ocr_queue: int = Field(64, ge=1, le=1000, description="photos that may wait; further ones get a 503")
    ocr_timeout: float = Field(120, gt=0, le=3600, description="seconds that reading one photo may take")
    ocr_max_side: int = Field(
        2000,
        ge=320,
        le=8000,
        description="pixels of the longer side that the fine pass sees at most (was det_max_side_len)",
    )
    ocr_max_megapixels: int = Field(
        200, ge=1, le=1000, description="megapixels of the largest photo, and of all that are read at the same time"
    )
    ocr_max_upload_mb: int = Field(64, ge=1, le=1024, description="MB (of 1,000,000 bytes) of the largest upload")
    ocr_memory_limit_mb: int = Field(
        0, ge=0, description="MB (of 1,000,000 bytes) above which the model's process is replaced; 0: no limit"
    )
    ocr_min_score: float = Field(0.5, ge=0, le=1, description="lines with a lower score are left out")
    server_restart_time: float = Field(
        300, ge=0, description="seconds without a photo until the model's process ends and frees its memory; 0: never"
    )
    server_drain_time: float = Field(
        25, ge=0, le=3600, description="seconds that a service that is stopped waits for the answers to photos"
    )
    clip_api_url: str | None = Field(
        None, description="address of the service that does CLIP search, which gets /clip/img and /clip/txt"
    )
    clip_api_key: SecretStr | None = Field(None, description="its key, if that is not API_AUTH_KEY")
    clip_pass_restart: bool = Field(False, description="whether /restart and /restart_v2 are passed on to it too")
    mmocr_det_config: Path | None = Field(None, description="config file of MMOCR's detector")
    mmocr_det_weights: Path | None = Field(None, description="checkpoint file of MMOCR's detector")
    mmocr_det_onnx: Path | None = Field(None, description="detector that python -m runners.mmocr_export has written")
    mmocr_recognizer: Literal["ppocr", "mmocr", "none"] = Field(
        "ppocr", description="reads the lines that MMOCR finds: `ppocr`, `mmocr`, or `none` for polygons without text"
    )
    mmocr_rec_config: Path | None = Field(None, description="config file of MMOCR's recognizer")
    mmocr_rec_weights: Path | None = Field(None, description="checkpoint file of MMOCR's recognizer")
    log_format: Literal["text", "json"] = Field("text", description="`text` for people, `json` for machines")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Have blank variables hide nothing: of a key in .env, say."""
        for source in (env_settings, dotenv_settings):
            assert isinstance(source, EnvSettingsSource)  # noqa: S101 - says so to mypy
            source.env_vars = {name: value for name, value in source.env_vars.items() if value and value.strip()}
        return init_settings, env_settings, dotenv_settings, file_secret_settings

    @field_validator("api_auth_key", "clip_api_key")
    @classmethod
    def _blank_is_none(cls, key: SecretStr | None) -> SecretStr | None:
        stripped = key.get_secret_value().strip() if key else ""
        return SecretStr(stripped) if stripped else None

    @field_validator("clip_api_url")
    @classmethod
    def _check_clip_api_url(cls, address: str | None) -> str | None:
        if not address or not address.strip():  # as a secret that is blank
            return None
        problem = "it must be an address such as http://192.168.1.20:8060, without a user, a ? or a #"
        try:
            url = HttpUrl(address.strip())
        except ValidationError:
            raise ValueError(problem) from None
        if url.username or url.password or url.query or url.fragment:
            raise ValueError(problem)
        return str(url).rstrip("/")

    @field_validator("ocr_device")
    @classmethod
    def _check_device(cls, device: str | None) -> str | None:
        if device is not None and not re.fullmatch(r"cpu|gpu(:\d{1,2})?", device, re.ASCII):
            raise ValueError("it must be cpu, gpu, or gpu: and the number of a card, such as gpu:1")
        return device

    def check(self) -> None:
        """Check what only the service needs, not the ASE platform.

        Raises:
            SettingsError: there is no key, or the address or port is not free.
        """
        if self.api_auth_key is None:
            raise SettingsError("set API_AUTH_KEY to a long random text, in the environment or in the file .env")
        host, port = self._choose_address()
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                problem = f"cannot listen on {host} port {port} ({error.strerror})"
                raise SettingsError(f"{problem}; stop what uses it, or change HTTP_PORT or HTTP_HOST") from None

    def _choose_address(self) -> tuple[str, int]:
        """Host and port that BentoML will listen on: its command line and its own variables override the settings."""
        import click  # comes with BentoML: the ASE platform, which reads settings too, lacks it  # noqa: PLC0415

        context = click.get_current_context(silent=True)
        given = context.params if context else {}
        host = given.get("host") or os.environ.get("BENTOML_HOST") or str(self.http_host)
        return host, int(given.get("port") or os.environ.get("BENTOML_PORT") or self.http_port)


def load() -> Settings:
    """Read the settings of this process.

    Raises:
        SettingsError: a value is wrong, or a file cannot be read; the message contains no secret.
    """
    if Path(".env").is_dir():
        raise SettingsError(
            ".env is a folder; replace it with a file (Docker creates a folder if the file to mount is missing)"
        )
    try:
        return Settings(_secrets_dir=SECRETS_FOLDER if SECRETS_FOLDER.is_dir() else None)
    except OSError as error:
        problem = f"{error.filename} cannot be read ({error.strerror})"
        raise SettingsError(f"{problem}; allow the user that the service runs as to read it") from None
    except UnicodeError:
        raise SettingsError(".env or a file in /run/secrets cannot be read; save it as UTF-8 text") from None
    except ValidationError as error:
        raise SettingsError("; ".join(map(_explain, error.errors()))) from None


def _explain(problem: ErrorDetails) -> str:
    """Name the variable with a wrong value, and what it must be, but not the value: it may be a misplaced secret."""
    rule = problem["msg"].removeprefix("Value error, ").replace("Input should", "it must").replace("value is", "it is")
    return f"change {str(problem['loc'][0]).upper()}: {rule}"


def describe_access(current: Settings) -> str:
    """What to enter in MT Photos: the address and the key."""
    host = f"[{current.http_host}]" if current.http_host.version == 6 else str(current.http_host)
    address = _find_own_address() if current.http_host.is_unspecified else host
    key = current.api_auth_key.get_secret_value() if current.api_auth_key else "(none: set API_AUTH_KEY)"
    return f"Address: http://{address}:{current.http_port}\nAPI key: {key}"


def _find_own_address() -> str:
    """The address at which other machines in the network probably reach this one."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing: the system only chooses the address to send from
            return str(probe.getsockname()[0])
        except OSError:  # no network
            return "localhost"
