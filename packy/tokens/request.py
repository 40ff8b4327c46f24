"""The input tokens of a Messages request, as the Responses API will bill its translation.

The API alone knows the exact number (OpenAI, "Counting tokens": message boundaries, tools and files are not in the text
that a local tokenizer sees). What is added to the text here are OpenAI's published formats and rules; the constants
that are not published were taken from recorded responses, and give their `usage.input_tokens` exactly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.tokens.documents import UNKNOWN_PAGES, base64_document_tokens, pages_tokens
from packy.tokens.images import image_block_tokens
from packy.tokens.text import count_json
from packy.tokens.tools import tools_tokens
from packy.translation import unpack_reasoning

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Block = dict[str, Any]
    Kinds = Mapping[str, Callable[[Block, str], int]]

__all__ = ["count_request"]

_BILLING_HEADER = "x-anthropic-billing-header:"

# Tokens around the text ("Harmony response format", and recorded gpt-5 requests).
_REPLY = 2  # <|start|>assistant
_MESSAGE = 4  # <|start|>user<|message|>…<|end|>
_ANSWER = 6  # <|start|>assistant<|channel|>final<|message|>…<|end|>
_CALL = 10  # <|start|>assistant<|channel|>commentary to=functions.…<|message|>…<|call|>
_RESULT = 7  # <|start|>functions.… to=assistant<|message|>…<|end|>

# encrypted_content is base64 of an envelope and the text. Fitted to recorded gpt-5 responses: 1,572, 2,636 and 3,596
# characters for 64, 256 and 384 tokens, and 3,172 characters billed as 312 when they were sent back.
_ENVELOPE = 850
_BYTES_PER_TOKEN = 4.7


def count_request(body: object, model: str = "gpt-5") -> int:
    """Count the input tokens of a request.

    Counts system text without Claude Code's billing header, messages, tools, images, documents, structured output, and
    reasoning that goes back upstream. All reasoning is counted; models before gpt-5.6 bill that of the current turn
    only, so that long conversations with them count a little high.

    Pure CPU work: roughly 60 ms for a million characters, most of it without the GIL. A gevent worker counts large
    bodies in the hub's thread pool: `gevent.get_hub().threadpool.apply(count_request, (body, model))`.

    Args:
        body: a decoded Messages API request. Nothing about it is taken for granted: what is malformed counts as its
            JSON text, and nothing raises.
        model: the upstream's name of the model, without a suffix for the effort; it decides what images cost.

    Returns:
        Tokens, 0 or more; a further message never makes it less.
    """
    if not isinstance(body, dict):
        return count_json(body)
    messages = body.get("messages")
    return (
        _REPLY
        + _system(body.get("system"))
        + (
            sum(_message(message, model) for message in messages)
            if isinstance(messages, list)
            else count_json(messages)
        )
        + tools_tokens(body.get("tools"))
        + _output_format(body.get("output_config"))
    )


def _system(system: object) -> int:
    if not isinstance(system, list):
        return _MESSAGE + count_json(system) if system else 0
    texts = [block.get("text") if isinstance(block, dict) else block for block in system]
    sent = [text for text in texts if not (isinstance(text, str) and text.startswith(_BILLING_HEADER))]
    return _MESSAGE + sum(map(count_json, sent)) if sent else 0


def _output_format(config: object) -> int:
    output = config.get("format") if isinstance(config, dict) else None
    return count_json(output.get("schema")) if isinstance(output, dict) else 0


def _message(message: object, model: str) -> int:
    if not isinstance(message, dict):
        return count_json(message)
    content = message.get("content")
    tokens = _content(content, model, _BLOCKS)
    if isinstance(content, list) and content and all(_kind(block) in _NO_MESSAGE for block in content):
        return tokens
    return tokens + (_ANSWER if message.get("role") == "assistant" else _MESSAGE)


def _content(content: object, model: str, kinds: Kinds) -> int:
    if not isinstance(content, list):
        return count_json(content)
    tokens = 0
    for block in content:
        count = kinds.get(_kind(block))
        tokens += count(block, model) if count else count_json(block)
    return tokens


def _kind(block: object) -> str:
    kind = block.get("type") if isinstance(block, dict) else None
    return kind if isinstance(kind, str) else ""


def _text(block: Block, _model: str) -> int:
    return count_json(block.get("text"))


def _thinking(block: Block, _model: str) -> int:
    """Count a reasoning item; its summary, and what somebody else signed, are not sent."""
    signature = block.get("signature")
    item = unpack_reasoning(signature) if isinstance(signature, str) else None
    if item is None:
        return 0
    return max(0, round((len(item["encrypted_content"]) * 3 / 4 - _ENVELOPE) / _BYTES_PER_TOKEN))


def _tool_use(block: Block, _model: str) -> int:
    """Count a call; the name twice, as the header of the result will repeat it."""
    return _CALL + 2 * count_json(block.get("name")) + count_json(block.get("input"))


def _tool_result(block: Block, model: str) -> int:
    return _RESULT + _content(block.get("content"), model, _IN_RESULT)


def _image(block: Block, model: str) -> int:
    source = block.get("source")
    return image_block_tokens(source.get("data") if isinstance(source, dict) else None, model)


def _document(block: Block, model: str) -> int:
    source = block.get("source")
    labels = count_json(block.get("title")) + count_json(block.get("context"))
    if not isinstance(source, dict):
        return labels + count_json(source)
    match source.get("type"):
        case "base64":
            return labels + base64_document_tokens(source.get("data"), source.get("media_type"), model)
        case "text":
            return labels + count_json(source.get("data"))
        case "content":
            return labels + _content(source.get("content"), model, _IN_DOCUMENT)
        case _:
            return labels + pages_tokens(UNKNOWN_PAGES, model)


def _nothing(_block: Block, _model: str) -> int:
    return 0


# What may hold what; each table is smaller than the one before, which ends the recursion.
_IN_DOCUMENT: Kinds = {"text": _text, "image": _image}
_IN_RESULT: Kinds = {**_IN_DOCUMENT, "document": _document}
_BLOCKS: Kinds = {
    **_IN_RESULT,
    "thinking": _thinking,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    # What the Anthropic API's own tools left in the history, and other blocks that are not sent upstream.
    **dict.fromkeys(
        (
            "redacted_thinking",
            "server_tool_use",
            "web_search_tool_result",
            "web_fetch_tool_result",
            "code_execution_tool_result",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "tool_search_tool_result",
            "mcp_tool_use",
            "mcp_tool_result",
            "container_upload",
            "compaction",
        ),
        _nothing,
    ),
}
_NO_MESSAGE = _BLOCKS.keys() - _IN_RESULT.keys()  # items of their own in the upstream's input
