"""Messages ⇄ Responses, pure: bytes and dicts in, bytes and dicts out."""

from packy.translation.codec import dumps, loads
from packy.translation.failures import Failure, UpstreamContext, failure_from_event, failure_from_http, interrupted
from packy.translation.folder import MessageFolder
from packy.translation.grammar import IllegalStep, State
from packy.translation.invalid import InvalidRequest
from packy.translation.message import MessageWriter, StreamWriter
from packy.translation.names import ToolNames, short_call_id
from packy.translation.request import OMITTABLE, Target, Translation, check_request, translate_request
from packy.translation.session import prompt_cache_key, session_id_of
from packy.translation.signature import pack_reasoning, unpack_reasoning
from packy.translation.sse import EventTooLarge, SseDecoder
from packy.translation.stream import ResponseTranslator
from packy.translation.usage import anthropic_usage

__all__ = [
    "OMITTABLE",
    "EventTooLarge",
    "Failure",
    "IllegalStep",
    "InvalidRequest",
    "MessageFolder",
    "MessageWriter",
    "ResponseTranslator",
    "SseDecoder",
    "State",
    "StreamWriter",
    "Target",
    "ToolNames",
    "Translation",
    "UpstreamContext",
    "anthropic_usage",
    "check_request",
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
