"""The status page: its texts, its form, its files. It holds no data; its script asks the management API."""

from packy.status.assets import ASSETS, FOLDER, Asset
from packy.status.fields import Field, form_fields
from packy.status.texts import LANGUAGES, TEXTS

__all__ = ["ASSETS", "FOLDER", "LANGUAGES", "TEXTS", "Asset", "Field", "form_fields"]
