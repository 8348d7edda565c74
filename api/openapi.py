"""The API's description (OpenAPI 3.1), served at /docs.json instead of the one that BentoML derives.

BentoML's knows neither the key nor our errors, and says that every route takes a body.
"""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from api.schemas import CheckAnswer, ClipAnswer, ClipText, Error, OcrAnswer, RestartAnswer

REFERENCE = "#/components/schemas/{model}"

ERRORS = {
    400: "The form is malformed.",
    401: "No key, or a wrong one.",
    404: "There is no CLIP service: CLIP_API_URL is not set.",
    408: "The form came too slowly, or nothing of it for a minute.",
    413: "The upload is larger than OCR_MAX_UPLOAD_MB.",
    422: "There is no file in the field `file`, or the CLIP service cannot use the request.",
    500: "The reader failed; the service's log says why.",
    502: "The CLIP service cannot be reached, refuses the key, or fails.",
    503: "Too many photos wait, memory is short, no model can be loaded (the service's log says why), or the service "
    "is stopping.",
    504: "Reading the photo, or the answer of the CLIP service, took longer than OCR_TIMEOUT.",
}
OF_CLIP = {404, 502}
"""Those that only the CLIP routes have."""


def describe(version: str) -> dict[str, Any]:
    """The description of this version of the service."""
    models: list[type[BaseModel]] = [OcrAnswer, CheckAnswer, RestartAnswer, ClipAnswer, ClipText, Error]
    _, schemas = models_json_schema([(model, "serialization") for model in models], ref_template=REFERENCE)
    restart = {"post": _describe_operation("Replace the worker, the process that holds the model", RestartAnswer)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mtphotos-ocr",
            "version": version,
            "description": "Reads the text in photos, as MT Photos asks for it.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "."}],
        "security": [{"api-key": []}, {"bearer": []}],
        "paths": {
            "/check": {"post": _describe_operation("Whether the key is right, and what reads the photos", CheckAnswer)},
            "/ocr": {
                "post": _describe_operation("The lines of text in a photo", OcrAnswer, *ERRORS.keys() - OF_CLIP)
                | {"parameters": [_PREFER], "requestBody": _FORM}
            },
            "/restart": restart,
            "/restart_v2": restart,
            "/clip/img": {
                "post": _describe_operation(
                    "The CLIP vector of a photo, by the service at CLIP_API_URL", ClipAnswer, *ERRORS
                )
                | {"requestBody": _FORM}
            },
            "/clip/txt": {
                "post": _describe_operation("The CLIP vector of a text, by the same", ClipAnswer, *ERRORS)
                | {"requestBody": _TEXT}
            },
            "/": {"get": _describe_open("A page to try the service, and to see how it is doing", "text/html")},
            "/favicon.ico": {"get": _describe_open("The page's icon", "image/svg+xml")},
            "/livez": {"get": _describe_open("Whether the service is alive")},
            "/readyz": {"get": _describe_open("Whether the service can read", unready=True)},
            "/metrics": {"get": _describe_closed("Metrics in Prometheus' text format")},
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "api-key": {"type": "apiKey", "in": "header", "name": "api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


_PREFER = {
    "name": "Prefer",
    "in": "header",
    "description": "`details` (RFC 7240) adds `details` to the answer; without it the answer is the one for MT Photos.",
    "schema": {"type": "string"},
    "example": "details",
}

_FORM = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {
                        "type": "string",
                        "format": "binary",
                        "contentMediaType": "application/octet-stream",
                        "description": "the photo, in any common format, as a file with a file name",
                    }
                },
            }
        }
    },
}


_TEXT = {"required": True, "content": {"application/json": {"schema": {"$ref": REFERENCE.format(model="ClipText")}}}}


def _describe_operation(summary: str, answer: type, *errors: int) -> dict[str, Any]:
    responses = {"200": _describe_response("The answer.", "application/json", answer.__name__)}
    responses |= {str(status): _describe_error(status) for status in sorted({401, *errors})}
    return {"summary": summary, "responses": responses}


def _describe_open(summary: str, media: str = "text/plain", *, unready: bool = False) -> dict[str, Any]:
    responses = {"200": _describe_response("Yes.", media)}
    if unready:
        responses["503"] = _describe_response("Not now.", "application/json", Error.__name__)
    return {"summary": summary, "security": [], "responses": responses}


def _describe_closed(summary: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "responses": {"200": _describe_response("The text.", "text/plain"), "401": _describe_error(401)},
    }


def _describe_error(status: int) -> dict[str, Any]:
    response = _describe_response(ERRORS[status], "application/json", Error.__name__)
    if status == 503:
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "string"}}}
    return response


def _describe_response(description: str, media: str, model: str | None = None) -> dict[str, Any]:
    schema = {"$ref": REFERENCE.format(model=model)} if model else {"type": "string"}
    return {"description": description, "content": {media: {"schema": schema}}}


PATHS = frozenset({*describe("")["paths"], "/docs.json"})
"""The addresses that the service answers at."""
