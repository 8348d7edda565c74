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
TIMEOUT_S = httpx.Timeout(600, connect=10)  # a photo waits its turn
MAX_RETRIES = 5


async def ask(client: httpx.AsyncClient, photo: bytes) -> httpx.Response:
    """The answer to a photo; waits and asks again after a 503 with Retry-After in seconds, up to MAX_RETRIES times."""
    for retries_left in reversed(range(MAX_RETRIES + 1)):
        answer = await client.post("/ocr", files={"file": ("photo", photo)})
        wait = answer.headers.get("retry-after", "")
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or not wait.isdecimal() or not retries_left:
            break
        await asyncio.sleep(int(wait))
    return answer


def describe_error(answer: httpx.Response) -> str:
    """The problem that an error status reports: the service answers in JSON, a proxy before it does not."""
    ours = "json" in answer.headers.get("content-type", "")
    return f"{answer.status_code} {answer.json()['detail'] if ours else answer.reason_phrase}"


async def request_texts(client: httpx.AsyncClient, photo: Path) -> dict[str, object]:
    """The texts of a photo, or the error that kept it from being read."""
    try:
        answer = await ask(client, await asyncio.to_thread(photo.read_bytes))
        if not answer.is_success:
            return {"error": describe_error(answer)}
        body = answer.json()
        return {"texts": body["result"]["texts"]} if body["result"] else {"error": body["msg"]}
    except Exception as error:  # noqa: BLE001 - it must not stop the other photos
        return {"error": repr(error)}


async def print_all(folder: Path, photos: Sequence[Path], parallel: int, key: str) -> int:
    """Print a line for each photo, `parallel` at a time; returns how many failed."""
    failed = 0
    waiting = iter(photos)
    headers = {b"api-key": key.encode()}
    async with httpx.AsyncClient(base_url=ADDRESS, headers=headers, timeout=TIMEOUT_S) as client:
        try:  # once, instead of the same error for each photo
            checked = await client.post("/check")
        except httpx.HTTPError as error:
            sys.exit(f"{ADDRESS} cannot be reached: {error!r}")
        if not checked.is_success:
            sys.exit(f"{ADDRESS}: {describe_error(checked)}")
        with tqdm(total=len(photos), unit="photo") as bar:

            async def work() -> None:
                nonlocal failed
                for photo in waiting:
                    found = await request_texts(client, photo)
                    failed += "error" in found
                    line = json.dumps({"photo": photo.relative_to(folder).as_posix()} | found, ensure_ascii=False)
                    bar.write(line.encode(errors="backslashreplace").decode())  # a path need not be UTF-8
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
    sys.exit(asyncio.run(print_all(given.folder, photos, given.parallel, key)) > 0)


if __name__ == "__main__":
    main()
