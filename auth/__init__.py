"""Who may call: the API key."""

from auth.middleware import ApiKeyMiddleware

__all__ = ["ApiKeyMiddleware"]
