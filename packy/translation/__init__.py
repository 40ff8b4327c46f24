"""Messages ⇄ Responses, pure: bytes and dicts in, bytes and dicts out."""

from packy.translation.codec import dumps, loads
from packy.translation.failures import Failure, UpstreamContext, failure_from_event, failure_from_http, interrupted
from packy.translation.invalid import InvalidRequest
from packy.translation.message import IllegalStep, MessageFolder, MessageWriter, StreamWriter
from packy.translation.names import ToolNames, short_call_id
from packy.translation.request import Target, Translation, translate_request
from packy.translation.session import prompt_cache_key, session_id_of
from packy.translation.signature import pack_reasoning, unpack_reasoning
from packy.translation.sse import EventTooLarge, SseDecoder
from packy.translation.stream import ResponseTranslator

__all__ = [
    "EventTooLarge",
    "Failure",
    "IllegalStep",
    "InvalidRequest",
    "MessageFolder",
    "MessageWriter",
    "ResponseTranslator",
    "SseDecoder",
    "StreamWriter",
    "Target",
    "ToolNames",
    "Translation",
    "UpstreamContext",
    "dumps",
    "failure_from_event",
    "failure_from_http",
    "interrupted",
    "loads",
    "pack_reasoning",
    "prompt_cache_key",
    "session_id_of",
    "short_call_id",
    "translate_request",
    "unpack_reasoning",
]
