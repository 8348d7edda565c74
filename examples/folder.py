"""Read every picture in a folder and below it, several at a time: a line of JSON each, in the order of the answers.

    API_AUTH_KEY=KEY .venv/bin/python examples/folder.py FOLDER >texts.jsonl

A line is {"photo": path in FOLDER, "texts": [...]} or {"photo": ..., "error": why}. The service is at OCR_ADDRESS,
http://localhost:8000 unless set. Exit code 1: a photo failed, or the service cannot be used at all.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx
from tqdm import tqdm

ADDRESS = os.environ.get("OCR_ADDRESS") or "http://localhost:8000"
PICTURES = frozenset({".avif", ".bmp", ".gif", ".heic", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
PATIENCE = httpx.Timeout(600, connect=10)  # seconds; a photo waits its turn
RETRIES = 5


async def ask(client: httpx.AsyncClient, photo: bytes) -> httpx.Response:
    """The answer to a photo; a 503 that names the seconds to wait (Retry-After) is heeded, up to RETRIES times."""
    for retries_left in reversed(range(RETRIES + 1)):
        answer = await client.post("/ocr", files={"file": ("photo", photo)})
        wait = answer.headers.get("retry-after", "")
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or not wait.isdecimal() or not retries_left:
            break
        await asyncio.sleep(int(wait))
    return answer


def problem(answer: httpx.Response) -> str:
    """What is wrong, from an answer with an error status: the service's is JSON, that of a proxy before it is not."""
    ours = "json" in answer.headers.get("content-type", "")
    return f"{answer.status_code} {answer.json()['detail'] if ours else answer.reason_phrase}"


async def read(client: httpx.AsyncClient, photo: Path) -> dict[str, object]:
    """The texts of a photo, or the error that kept it from being read."""
    try:
        answer = await ask(client, await asyncio.to_thread(photo.read_bytes))
        if not answer.is_success:
            return {"error": problem(answer)}
        body = answer.json()
        return {"texts": body["result"]["texts"]} if body["result"] else {"error": body["msg"]}
    except Exception as error:  # noqa: BLE001 - whatever it is, it never stops the other photos
        return {"error": repr(error)}


async def read_all(folder: Path, photos: Sequence[Path], parallel: int, key: str) -> int:
    """Print a line for each photo, `parallel` at a time; how many failed."""
    failed = 0
    waiting = iter(photos)
    headers = {b"api-key": key.encode()}
    async with httpx.AsyncClient(base_url=ADDRESS, headers=headers, timeout=PATIENCE) as client:
        try:  # once, rather than the same error for each photo
            checked = await client.post("/check")
        except httpx.HTTPError as error:
            sys.exit(f"{ADDRESS} cannot be reached: {error!r}")
        if not checked.is_success:
            sys.exit(f"{ADDRESS}: {problem(checked)}")
        with tqdm(total=len(photos), unit="photo") as bar:

            async def work() -> None:
                nonlocal failed
                for photo in waiting:
                    found = await read(client, photo)
                    failed += "error" in found
                    line = json.dumps({"photo": photo.relative_to(folder).as_posix()} | found, ensure_ascii=False)
                    bar.write(line.encode(errors="backslashreplace").decode())  # a path may be no UTF-8
                    bar.update()

            await asyncio.gather(*(work() for _ in range(parallel)))
    return failed


def main() -> None:
    """Read the folder that the command line names."""
    parser = argparse.ArgumentParser(description="read the text in every picture of a folder")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--parallel", type=int, default=4, metavar="N", help="photos at a time")
    given = parser.parse_args()
    if not given.folder.is_dir() or given.parallel < 1:
        parser.error("give a folder that exists, and an N of at least 1")
    key = os.environ.get("API_AUTH_KEY") or sys.exit("set API_AUTH_KEY to the key of the service")
    photos = sorted(path for path in given.folder.rglob("*") if path.suffix.lower() in PICTURES and path.is_file())
    sys.exit(asyncio.run(read_all(given.folder, photos, given.parallel, key)) > 0)


if __name__ == "__main__":
    main()
