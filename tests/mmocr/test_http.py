"""The same over HTTP, as MT Photos asks."""

import pytest
from starlette.testclient import TestClient

from tests.fakes.checkpoints import ARC, BAR
from tests.fakes.project import KEY
from tests.fakes.waiting import wait_until


@pytest.mark.parametrize("files", ["textsnake"], indirect=True)  # BentoML's service is made once a process
def test_a_photo_is_read_over_http(files: dict[str, str], picture: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OCR_RUNNER", "mmocr")
    for name, path in files.items():
        monkeypatch.setenv(f"MMOCR_{name.upper()}", path)
    import service

    with TestClient(service.OcrService.to_asgi()) as client:  # type: ignore[attr-defined]
        wait_until(lambda: client.get("/readyz").status_code == 200)
        answer = client.post("/ocr", headers={"api-key": KEY}, files={"file": picture}).json()["result"]
    assert answer["texts"] == [ARC, BAR]
    assert all(float(box[side]) >= 0 for box in answer["boxes"] for side in ("x", "y", "width", "height"))
