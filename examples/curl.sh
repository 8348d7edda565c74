#!/usr/bin/env bash
# Asks whether the key fits, then for the text in a photo:
#
#     API_AUTH_KEY=KEY examples/curl.sh PHOTO
#
# The service is at OCR_ADDRESS, http://localhost:8000 unless set. Exit code 22: it answered with an error.
set -euo pipefail

photo=${1:?usage: API_AUTH_KEY=KEY examples/curl.sh PHOTO}
key=${API_AUTH_KEY:?set it to the key of the service}
address=${OCR_ADDRESS:-http://localhost:8000}

ask() { curl -sS --fail-with-body -w '\n' -H "api-key: $key" "${address%/}$1" "${@:2}"; }

ask /check -X POST
ask /ocr -F 'file=@-;filename=photo' <"$photo" # not @"$photo": curl takes a ; or , in its name for its own
