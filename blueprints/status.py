"""`GET /status`: the status page. It holds no data and needs no key; its script asks the management API for both."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, Response, abort, render_template, request

from packy.errors import STATUS_PATH
from packy.status import ASSETS, FOLDER, LANGUAGES, TEXTS, form_fields

__all__ = ["blueprint"]

WINDOWS: Final = ("15m", "1h", "24h", "7d")
"""The time spans that the page offers."""

blueprint = Blueprint("status", __name__, url_prefix=STATUS_PATH, template_folder=FOLDER)


@blueprint.get("")
def show() -> Response:
    """Show the page in the language asked for: by `?lang=`, else by the browser."""
    # The best first. Werkzeug's own match prefers `zh` to an `en-GB` that is wanted more.
    wanted = [request.args.get("lang", ""), *(name.partition("-")[0] for name in request.accept_languages.values())]
    language = next((each for each in wanted if each in LANGUAGES), LANGUAGES[0])
    page = render_template(
        "page.html", language=language, texts=TEXTS, say=TEXTS[language], fields=form_fields(), windows=WINDOWS
    )
    return Response(page, content_type="text/html; charset=utf-8", headers={"Vary": "Accept-Language"})


@blueprint.get("/<name>")
def show_asset(name: str) -> Response:
    """Give a file of the page."""
    if (asset := ASSETS.get(name)) is None:
        abort(404)
    response = Response(asset.data, content_type=asset.content_type, headers={"Cache-Control": "no-cache"})
    response.set_etag(asset.etag)
    response.make_conditional(request)
    return response
