"""The management API's rules: what it shows, how it changes the configuration, its contract."""

from packy.management.activity import activity_document
from packy.management.body import read_object
from packy.management.contract import contract
from packy.management.listings import models_document, providers_document
from packy.management.resource import entity_tag, packycode_object
from packy.management.service import Actor, Management
from packy.management.usage import Figures, tps_figures, usage_figures

__all__ = [
    "Actor",
    "Figures",
    "Management",
    "activity_document",
    "contract",
    "entity_tag",
    "models_document",
    "packycode_object",
    "providers_document",
    "read_object",
    "tps_figures",
    "usage_figures",
]
