"""Claude's typed client tools as functions: their schemas are known to Claude alone, and told here to other models.

What each takes is documented in Anthropic's tool reference (bash, text editor, computer use, memory); the versions are
those of the `anthropic` package's types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from packy.translation.invalid import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["OPTIONS", "TYPED_TOOLS", "describe"]

Json = dict[str, Any]


def _text(description: str) -> Json:
    return {"type": "string", "description": description}


def _number(description: str) -> Json:
    return {"type": "integer", "description": description}


def _one_of(values: Iterable[str], description: str) -> Json:
    return {"type": "string", "enum": list(values), "description": description}


def _numbers(count: int, description: str) -> Json:
    items = {"type": "integer"}
    return {"type": "array", "items": items, "minItems": count, "maxItems": count, "description": description}


def _object(required: tuple[str, ...], **properties: Json) -> Json:
    return {"type": "object", "properties": properties, "required": list(required)}


_VIEW_RANGE = _numbers(2, "For view: first and last line to show, from 1; -1 as the last is the end of the file.")

_BASH = _object(
    (),
    command=_text("The command to run; needed unless restart is true."),
    restart={"type": "boolean", "description": "True starts the shell anew, in place of running a command."},
)


def _bash(_: Json) -> tuple[str, Json]:
    return "Runs a command in a bash shell that lives on from call to call, and gives what it printed.", _BASH


def _editor(*commands: str, inserted: str) -> Json:
    properties = {
        "command": _one_of(commands, "What to do."),
        "path": _text("Absolute path of the file or directory."),
        "view_range": _VIEW_RANGE,
        "file_text": _text("For create: the whole content of the file."),
        "old_str": _text("For str_replace: the text to replace, exactly as it stands, unique in the file."),
        "new_str": _text("For str_replace: what to put in its place; left out, the text is deleted."),
        "insert_line": _number("For insert: the line after which to insert; 0 is the beginning of the file."),
    }
    if inserted == "new_str":
        properties["new_str"] = _text("For str_replace: what to put in its place. For insert: the text to insert.")
    else:
        properties[inserted] = _text("For insert: the text to insert.")
    return _object(("command", "path"), **properties)


_EDITING = ("view", "create", "str_replace", "insert")
_EDITORS = {
    "text_editor_20241022": _editor(*_EDITING, "undo_edit", inserted="new_str"),
    "text_editor_20250124": _editor(*_EDITING, "undo_edit", inserted="new_str"),
    "text_editor_20250429": _editor(*_EDITING, inserted="new_str"),
    "text_editor_20250728": _editor(*_EDITING, inserted="insert_text"),
}


def _text_editor(tool: Json) -> tuple[str, Json]:
    description = "Views, creates and edits text files; viewing a directory lists it."
    if tool.get("max_characters") is not None:
        description += f" A view shows at most {_size(tool, 'max_characters')} characters of a file."
    return description, _EDITORS[tool["type"]]


_POINTER = (
    "key", "type", "mouse_move", "left_click", "left_click_drag", "right_click", "middle_click", "double_click",
    "screenshot", "cursor_position",
)  # fmt: skip
_FINER = ("left_mouse_down", "left_mouse_up", "scroll", "hold_key", "wait", "triple_click")
_COORDINATE = _numbers(2, "x and y in pixels, from the upper left corner: where to point, click, drag to or scroll.")


def _computer_schema(*actions: str, **more: Json) -> Json:
    text = "For type: the text. For key and hold_key: the keys, as xdotool names them, such as ctrl+s."
    if more:
        text += " For clicks and scroll: keys to hold down meanwhile."
    properties = {"action": _one_of(actions, "What to do."), "coordinate": _COORDINATE, "text": _text(text), **more}
    return _object(("action",), **properties)


_FINER_FIELDS = {
    "start_coordinate": _numbers(2, "For left_click_drag: x and y in pixels of where the drag begins."),
    "scroll_direction": _one_of(("up", "down", "left", "right"), "For scroll: which way."),
    "scroll_amount": _number("For scroll: how many clicks of the wheel."),
    "duration": {"type": "number", "description": "For hold_key and wait: how long, in seconds."},
}
_REGION = _numbers(4, "For zoom: x and y of the upper left and of the lower right corner of what to show enlarged.")
_COMPUTERS = {
    "computer_20241022": _computer_schema(*_POINTER),
    "computer_20250124": _computer_schema(*_POINTER, *_FINER, **_FINER_FIELDS),
    "computer_20251124": _computer_schema(*_POINTER, *_FINER, **_FINER_FIELDS),
}
_ZOOMING = _computer_schema(*_POINTER, *_FINER, "zoom", **_FINER_FIELDS, region=_REGION)


def _computer(tool: Json) -> tuple[str, Json]:
    width, height = (_size(tool, f"display_{side}_px") for side in ("width", "height"))
    description = f"Uses a computer by mouse, keyboard and screenshots. The display is {width} x {height} pixels."
    number = tool.get("display_number")
    if number is not None:
        if not isinstance(number, int) or isinstance(number, bool) or number < 0:
            raise InvalidRequest("display_number", "must be a whole number")
        description += f" It is X11 display number {number}."
    zooms = tool.get("enable_zoom") or False
    if not isinstance(zooms, bool):
        raise InvalidRequest("enable_zoom", "must be true or false")
    return description, _ZOOMING if zooms and tool["type"] == "computer_20251124" else _COMPUTERS[tool["type"]]


_MEMORY = _object(
    ("command",),
    command=_one_of((*_EDITING, "delete", "rename"), "What to do."),
    path=_text("For all but rename: the path, under /memories."),
    view_range=_VIEW_RANGE,
    file_text=_text("For create: the whole content of the file."),
    old_str=_text("For str_replace: the text to replace, exactly as it stands, unique in the file."),
    new_str=_text("For str_replace: what to put in its place."),
    insert_line=_number("For insert: the line after which to insert; 0 is the beginning of the file."),
    insert_text=_text("For insert: the text to insert."),
    old_path=_text("For rename: what to rename or move."),
    new_path=_text("For rename: its new path."),
)


_MEMORY_USE = (
    "Keeps notes in files under /memories, over conversations. View /memories before a task to see what is known, and "
    "write down what will be needed later."
)


def _memory(_: Json) -> tuple[str, Json]:
    return _MEMORY_USE, _MEMORY


_BY_TYPE: dict[str, Callable[[Json], tuple[str, Json]]] = {
    "bash_20241022": _bash,
    "bash_20250124": _bash,
    **dict.fromkeys(_EDITORS, _text_editor),
    **dict.fromkeys(_COMPUTERS, _computer),
    "memory_20250818": _memory,
}
TYPED_TOOLS = frozenset(_BY_TYPE)
"""The types of the tools that `describe` knows."""

_DISPLAY = frozenset({"display_width_px", "display_height_px", "display_number"})
OPTIONS: dict[str, frozenset[str]] = {
    "text_editor_20250728": frozenset({"max_characters"}),
    "computer_20241022": _DISPLAY,
    "computer_20250124": _DISPLAY,
    "computer_20251124": _DISPLAY | {"enable_zoom"},
}
"""The keys that such a tool has of its own; all of them are told to the model."""


def describe(tool: Json) -> tuple[str, Json]:
    """Give what a model must be told of a typed tool.

    Args:
        tool: an entry of `tools` whose type is in `TYPED_TOOLS`.

    Returns:
        A description, and the JSON schema of its input, which must not be changed.

    Raises:
        InvalidRequest: one of its own keys is malformed.
    """
    return _BY_TYPE[tool["type"]](tool)


def _size(tool: Json, key: str) -> int:
    value = tool.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InvalidRequest(key, "must be a whole number of at least 1")
    return value
