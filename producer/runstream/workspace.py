"""A workspace: the outermost name under which experiments are kept."""

from __future__ import annotations

from runstream_schemas.ids import check_name


def expect(value: object, kind: type, call: str) -> None:
    """
    Make sure that *value* is a *kind* where *call* takes one first.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(value, kind):
        message = f"{call} takes {kind.__name__} first, not {type(value).__name__}"
        raise TypeError(message)


class Workspace:
    """
    A set of experiments, by name; nothing is created or contacted until a run starts.

    Args:
        name: any name; "default" unless given.

    Raises:
        InvalidName: *name* is empty, longer than 256 bytes, or holds control characters.
    """

    __slots__ = ("_name",)

    def __init__(self, name: str = "default") -> None:
        self._name = check_name("workspace", name)

    @property
    def name(self) -> str:
        """The workspace's name."""
        return self._name

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Workspace) and other._name == self._name

    def __hash__(self) -> int:
        return hash((Workspace, self._name))

    def __reduce__(self) -> tuple[type[Workspace], tuple[str]]:
        return Workspace, (self._name,)

    def __repr__(self) -> str:
        return f"Workspace(Name: {self._name})"

    def _repr_html_(self) -> str:
        """Return the workspace as a table, which notebooks show."""
        import html

        return f"<table><tr><th>Name</th></tr><tr><td>{html.escape(self._name)}</td></tr></table>"
