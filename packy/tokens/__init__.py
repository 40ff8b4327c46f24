"""How many input tokens a request will cost upstream, counted here, without asking anybody."""

from packy.tokens.documents import pdf_pages
from packy.tokens.images import image_size, image_tokens
from packy.tokens.request import count_request
from packy.tokens.text import count_json, count_text
from packy.tokens.vocabulary import VocabularyError, load

__all__ = [
    "VocabularyError",
    "count_json",
    "count_request",
    "count_text",
    "image_size",
    "image_tokens",
    "load",
    "pdf_pages",
]
