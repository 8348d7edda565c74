"""What is known of the processor."""

from pathlib import Path

import pytest

from networks import processor


@pytest.mark.parametrize(
    ("machine", "faster"), [("x86_64", True), ("AMD64", True), ("aarch64", False), ("arm64", False)]
)
def test_int8_is_faster_on_x86(machine: str, faster: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    assert processor.is_faster_in_int8() is faster


@pytest.mark.parametrize(
    ("cpuinfo", "exact"),
    [
        ("flags : sse4_1 avx2", False),
        ("flags : avx2 avx_vnni", True),
        ("flags : avx512f avx512_vnni", True),
        ("Features : asimd", None),
        ("", None),
        (None, None),
    ],
)
def test_vnni_adds_up_in_32_bits(
    cpuinfo: str | None, exact: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "CPUINFO", tmp_path / "cpuinfo")
    if cpuinfo is not None:
        processor.CPUINFO.write_text(cpuinfo, "utf-8")
    assert processor.has_exact_sums() is exact
