"""What is told when a model is registered, checked before anything is kept."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from runstream.tags import checked_properties, checked_tags, checked_text
from runstream_schemas.catalog import ModelFile, ModelRegistered
from runstream_schemas.errors import InvalidName, TooLarge

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_MAX_BYTES: Final = 500_000
_ENTRY_BYTES: Final = 100
"""Of an entry's lengths, hash and type, which are not counted one by one."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A model's name, and what its next version says about itself."""

    name: str
    tags: dict[str, str | None]
    properties: dict[str, str]
    description: str | None
    framework: str | None
    framework_version: str | None

    @classmethod
    def checked(
        cls,
        name: str,
        tags: Mapping[str, str | None] | None,
        properties: Mapping[str, str] | None,
        description: str | None,
        framework: str | None,
        framework_version: str | None,
    ) -> Self:
        """
        Return what can be told.

        Raises:
            InvalidName: *name* cannot name a model, or a key cannot be kept.
            InvalidValue, TooLarge, TypeError: a text cannot be kept.
        """
        texts = {"description": description, "model_framework": framework, "model_framework_version": framework_version}
        told = [None if text is None else checked_text(what, text) for what, text in texts.items()]
        return cls(checked_name(name), checked_tags(tags or {}), checked_properties(properties or {}), *told)

    def change(self, files: Sequence[ModelFile], run_id: str | None) -> ModelRegistered:
        """
        Return the event's change that registers *files*.

        Args:
            files: of the model.
            run_id: the run that made it.

        Raises:
            TooLarge: one event cannot hold it, usually because the folder has thousands of files.
        """
        texts = [self.description, *self.tags, *self.tags.values(), *self.properties, *self.properties.values()]
        texts += [text for file in files for text in (file.path, file.location)]
        size_bytes = sum(_ENTRY_BYTES + len((text or "").encode()) for text in texts)
        size_bytes += sum(len(file.content or b"") for file in files)
        if size_bytes > _MAX_BYTES:
            raise TooLarge(f"what model {self.name!r} tells of its {len(files):,} files", size_bytes, _MAX_BYTES)
        return ModelRegistered(
            tuple(files), self.description, self.tags, self.properties, self.framework, self.framework_version, run_id
        )


def checked_name(name: object) -> str:
    """
    Return *name* if it may name a model.

    Raises:
        InvalidName: it is not 1 to 255 of letters, digits, dot, dash and underscore, beginning with a letter or digit.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        reason = "is not 1 to 255 of A-Z, a-z, 0-9, '.', '_' and '-', beginning with a letter or digit"
        raise InvalidName("model name", name if isinstance(name, str) else repr(name), reason)
    return name
