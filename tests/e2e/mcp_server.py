"""A Model Context Protocol server on stdin and stdout, as a program: `python mcp_server.py TOOLS RECORD`.

TOOLS is a JSON array of tools as `tools/list` gives them. Each says what it is told as `text`, shows what it is given
as `picture` (a PNG file in base64), and adds its arguments to the file RECORD as a line of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def main(tools: list[Json], record: Path) -> None:
    """Answer until stdin ends."""
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            result = answer(request["method"], request.get("params") or {}, tools, record)
            print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)  # noqa: T201 - the protocol's own channel


def answer(method: str, params: Json, tools: list[Json], record: Path) -> Json:
    """Give the result of one request."""
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "echo", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": tools}
    if method == "tools/call":
        with record.open("a") as calls:
            calls.write(json.dumps(params["arguments"]) + "\n")
        picture = params["arguments"].get("picture")
        shown = [{"type": "image", "data": picture, "mimeType": "image/png"}] if picture else []
        return {"content": [{"type": "text", "text": f"echo: {params['arguments'].get('text')}"}, *shown]}
    return {}


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), Path(sys.argv[2]))
