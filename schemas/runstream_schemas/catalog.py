"""The events of the catalog: what happened to experiments and models, which outlive runs.

Their header is that of every event; `run_id` is the run whose producer wrote the event, or "" where a producer serves
no run (a process that registers a model or tags an experiment, and logs nothing).
"""

from __future__ import annotations

from dataclasses import dataclass, field

EXPERIMENT = "experiment"
MODEL = "model"
SUBJECTS = (EXPERIMENT, MODEL)


@dataclass(frozen=True, slots=True)
class CatalogTag:
    """A tag of an experiment, or of one version of a model, was set or removed; the newest holds.

    Attributes:
        registration_id: the version that is meant, see `registration_id`; None = the experiment.
    """

    key: str
    value: str | None
    removed: bool = False
    registration_id: str | None = None


@dataclass(frozen=True, slots=True)
class CatalogArchived:
    """The experiment was hidden from lists, or brought back; the newest holds."""

    archived: bool


@dataclass(frozen=True, slots=True)
class CatalogDeleted:
    """The experiment (None) or a model's registration is hidden for good; its version is never given again."""

    registration_id: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model.

    Attributes:
        path: within the model, relative, forward slashes.
        sha256: 64 lower-case hex digits of the content.
        location: where the store keeps it (an fsspec URI).
        content: the bytes themselves, at most 100 kB. Without both, a file of the run that made the model has them:
            the one with this hash.
    """

    path: str
    size_bytes: int
    sha256: str
    content_type: str
    location: str | None = None
    content: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ModelRegistered:
    """A version of a model was registered.

    The version is the event's rank among the registrations of its model, by (logged_at_ns, producer_id, sequence): two
    processes that register at once get two versions, and no server hands out numbers.

    Attributes:
        run_id: the run that made the model; None = none is known.
    """

    files: tuple[ModelFile, ...]
    description: str | None = None
    tags: dict[str, str | None] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    framework: str | None = None
    framework_version: str | None = None
    run_id: str | None = None


CatalogChange = CatalogTag | CatalogArchived | CatalogDeleted | ModelRegistered

CATALOG_CHANGES: dict[str, type[CatalogChange]] = {
    "tag": CatalogTag,
    "archived": CatalogArchived,
    "deleted": CatalogDeleted,
    "registered": ModelRegistered,
}
"""The word for each kind of change, in the schema's field `change` and in the tables."""

_NAMES = {kind: name for name, kind in CATALOG_CHANGES.items()}


def catalog_change_name(change: CatalogChange) -> str:
    """The word that stands for this kind of change."""
    return _NAMES[type(change)]


@dataclass(frozen=True, slots=True)
class CatalogEvent:
    """Something happened to an experiment or a model.

    Attributes:
        subject: "experiment" or "model".
        name: of the experiment or model.
    """

    run_id: str
    producer_id: str
    sequence: int
    logged_at_ns: int
    workspace: str
    subject: str
    name: str
    change: CatalogChange


def registration_id(producer_id: str, logged_at_ns: int) -> str:
    """What tags and deletions call the registration of this producer with this stamp, which no other has."""
    return f"{producer_id}/{logged_at_ns}"


def catalog_key(event: CatalogEvent) -> str:
    """The Kafka key: events of one experiment or model lie on one partition."""
    return f"{event.workspace}/{event.name}"
