"""settings.yaml: what an administrator may change while it runs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, RootModel, StrictBool, StrictInt

from dotbase.errors import DotbaseError
from dotbase.render.declarations import call
from dotbase.render.declarations.errors import Name, Sentence
from dotbase.render.documents import Document, validate

Value = StrictBool | StrictInt | str


class Setting(BaseModel):
    """A setting: its type, default and bounds, and what it is about."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["integer", "boolean", "text", "time", "interval"]
    default: Value
    minimum: Value | None = None
    maximum: Value | None = None
    about: Sentence


class Settings(RootModel[dict[Name, Setting]]):
    """The settings of one app by name."""


PYTHON_TYPE = {"integer": int, "boolean": bool, "text": str, "time": str, "interval": str}


def sql(app: str, document: Document) -> str:
    """Check an app's settings.yaml and render it."""
    settings = validate(Settings, document).root
    for name, setting in settings.items():
        for part in ("default", "minimum", "maximum"):
            value = getattr(setting, part)
            if value is not None and type(value) is not PYTHON_TYPE[setting.type]:
                raise DotbaseError(
                    f"`{part}` of setting {name} is no {setting.type}",
                    "write integers bare, times and intervals quoted",
                    document.where(name, part),
                )
    return call(
        "core.declare_settings",
        app,
        [
            {
                "name": name,
                "value_type": setting.type,
                "default_value": setting.default,
                "minimum": setting.minimum,
                "maximum": setting.maximum,
                "description": setting.about,
            }
            for name, setting in settings.items()
        ],
    )
