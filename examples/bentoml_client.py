"""Read a photo with BentoML's own client: a line per text, as score, x,y, width x height, text.

    API_AUTH_KEY=KEY .venv/bin/python examples/bentoml_client.py PHOTO

The service is at OCR_ADDRESS, http://localhost:8000 unless set. Exit code 1: the photo could not be read.
"""

import argparse
import os
import sys
from pathlib import Path

import httpx
from bentoml import SyncHTTPClient
from bentoml.exceptions import BentoMLException

ADDRESS = os.environ.get("OCR_ADDRESS") or "http://localhost:8000"


def main() -> None:
    """Read the photo that the command line names."""
    parser = argparse.ArgumentParser(description="read the text in a photo")
    parser.add_argument("photo", type=Path)
    photo = parser.parse_args().photo
    key = os.environ.get("API_AUTH_KEY") or sys.exit("set API_AUTH_KEY to the key of the service")
    try:  # seconds: until the service is up; until the photo had its turn and is read
        with SyncHTTPClient(ADDRESS, token=key, server_ready_timeout=5, timeout=600) as client:
            answer = client.ocr(file=photo)
    except (BentoMLException, httpx.HTTPError, OSError) as error:
        # the client first asks for the routes, and does not say that it gets none because of a wrong key
        hint = " (is API_AUTH_KEY right?)" if "schema" in str(error) else ""
        sys.exit(f"{photo}: {str(error) or repr(error)}{hint}")
    if "msg" in answer:
        sys.exit(f"{photo}: {answer['msg']}")
    for text, score, box in zip(*answer["result"].values(), strict=True):
        print(f"{score}  {box['x']},{box['y']}  {box['width']} x {box['height']}  {text}")


if __name__ == "__main__":
    main()
