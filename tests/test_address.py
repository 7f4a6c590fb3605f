"""The view and its address: a link says the view, whole and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runstream_dashboard import address
from runstream_dashboard.address import View

_NAMES = st.lists(st.text(min_size=1, max_size=12), max_size=3, unique=True).map(tuple)
_X = st.floats(-1e12, 1e12, allow_nan=False).map(lambda x: float(f"{x:.10g}"))


@st.composite
def views(draw: st.DrawFn) -> View:
    """Draw any view that a reader can choose."""
    low = draw(_X)
    high = draw(st.none() | _X.filter(lambda x: x > low))
    return View(
        q=draw(st.text(max_size=10)),
        x=draw(st.sampled_from(["step", "relative", "time"]) | st.text(min_size=1, max_size=8).map(address.axis_of)),
        group=draw(st.text(max_size=8)),
        band=draw(st.sampled_from(["range", "std"])),
        smooth=round(draw(st.floats(0, 0.99)), 2),
        log=draw(st.booleans()),
        logs=draw(_NAMES),
        clip=draw(st.booleans()),
        large=draw(st.booleans()),
        zoom=draw(st.none() | st.just((low, high))),
        hide=draw(_NAMES),
        fold=draw(_NAMES),
        rail=draw(st.booleans()),
        full=draw(st.text(max_size=8)),
        table=draw(st.text(max_size=8)),
    )


@given(views())
def test_an_address_gives_its_view_back(view: View) -> None:
    """Every view survives the way into a URL's query and back."""
    assert address.view_of(address.query_of(view)) == view


@given(views())
def test_the_script_gives_its_view_back(view: View) -> None:
    """Every view survives the way to the browser's script and back."""
    assert address.view_from_wire(view.wire()) == view


def test_a_default_view_leaves_the_address_empty() -> None:
    """What is not chosen is not written."""
    assert address.query_of(View()) == {}


def test_an_old_or_damaged_link_counts_as_not_given() -> None:
    """Values that mean nothing are left out instead of raising."""
    query = {"x": "", "band": "wide", "smooth": "much", "zoom": "5..3", "clip": "2", "log": "yes"}
    assert address.view_of(query) == View()
    assert address.view_of({"zoom": "nan..3"}) == View()
    assert address.view_of({"smooth": "7"}).smooth == 0.99


@given(st.sampled_from(["step", "time", "metric:step", "epoch"]) | st.text(min_size=1))
def test_any_metric_can_be_the_x_axis(name: str) -> None:
    """A metric named like another axis is still told from it."""
    x = address.axis_of(name)
    assert address.plain_axis(x) is None
    assert address.axis_metric(x) == name


def test_a_zoom_may_stay_open_at_its_right() -> None:
    """A zoom without a right end follows the newest point."""
    assert address.view_of({"zoom": "100.."}).zoom == (100.0, None)
    assert address.query_of(View(zoom=(100.0, None))) == {"zoom": "100.."}


@given(st.lists(st.text(min_size=1), unique=True).map(tuple))
def test_lists_keep_commas_inside_their_parts(parts: tuple[str, ...]) -> None:
    """Ids and names with commas and percent signs come back one by one, in order."""
    assert address.split(address.join(parts)) == parts


@given(_NAMES, _NAMES)
def test_chosen_columns_come_back_in_their_order(picked: tuple[str, ...], first: tuple[str, ...]) -> None:
    """Any choice of columns survives the address, none at all included; the first choice leaves it empty."""
    chosen, usual = ([f"metric:{name}" for name in names] for names in (picked, first))
    text = address.columns_text(chosen, usual)
    assert address.columns_of(text, usual) == chosen
    assert (text == "") == (chosen == usual)


def test_only_what_changed_is_touched() -> None:
    """The address is changed key by key: set what differs, delete what is gone, leave the rest and foreign keys."""
    query = {"q": "loss", "x": "time", "runs": "a,b"}
    assert address.changes(query, {"q": "loss", "smooth": "0.5"}, address.GRID_NAMES) == {"x": None, "smooth": "0.5"}


@given(st.dictionaries(st.text(), st.lists(st.text(), min_size=1).map(tuple)))
def test_named_choices_keep_any_character(items: dict[str, tuple[str, ...]]) -> None:
    """Names and choices with commas, colons and percent signs come back as they were."""
    assert address.items_of(address.items_text(items)) == items
