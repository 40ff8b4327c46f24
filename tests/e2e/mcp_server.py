"""A Model Context Protocol server on stdin and stdout, as a program: `python mcp_server.py TOOL RECORD`.

It has one tool, named TOOL, whose one argument is optional; each call is added to the file RECORD as a line of JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def main(tool: str, record: Path) -> None:
    """Answer until stdin ends."""
    for line in sys.stdin:
        request = json.loads(line)
        if "id" in request:
            result = answer(request["method"], request.get("params") or {}, tool, record)
            print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)  # noqa: T201 - the protocol's own channel


def answer(method: str, params: Json, tool: str, record: Path) -> Json:
    """Give the result of one request."""
    if method == "initialize":
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "echo", "version": "1"},
        }
    if method == "tools/list":
        schema = {"type": "object", "properties": {"text": {"type": "string"}}}
        return {"tools": [{"name": tool, "description": "Says what it is told.", "inputSchema": schema}]}
    if method == "tools/call":
        with record.open("a") as calls:
            calls.write(json.dumps(params["arguments"]) + "\n")
        return {"content": [{"type": "text", "text": f"echo: {params['arguments'].get('text')}"}]}
    return {}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
