"""The SQL page in a real browser: reads, refuses, is canceled, is exported, and its chart lives in the address."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import Keep, View, start

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stack_home")]

ENDLESS = "SELECT count(*) FROM range(30000000000) t(i) WHERE i % 7 = 3"
SQUARES = "SELECT i, i * i AS square, '=' || i AS formula FROM range(12000) t(i) ORDER BY i"


def opened(view: View, statement: str, more: str = "") -> Page:
    """Open the page with a statement in its address; nothing runs yet."""
    page = view.open(f"/sql?q={quote(statement)}{more}")
    expect(page.get_by_text("nothing runs before you press Run")).to_be_visible()
    return page


def run_button(page: Page) -> Locator:
    """Return the button that runs the statement."""
    return page.locator("button", has_text="play_arrow")


def asked(view: View, statement: str, more: str = "") -> Page:
    """Open the page and run the statement."""
    page = opened(view, statement, more)
    run_button(page).click()
    return page


def test_sql_reads_and_refuses_to_write(view: View, keep: Keep) -> None:
    """A statement from a link waits for its button; a SELECT gives rows, a DELETE is refused and told."""
    start("asked").complete()
    page = asked(view, "SELECT count(run_id) AS n FROM run")
    page.get_by_text("1 row ·").wait_for()
    keep(page, "sql")
    page.get_by_label("Statement").fill("DELETE FROM run")
    run_button(page).click()
    expect(page.get_by_test_id("stAlert").filter(has_text="refused")).to_be_visible()


def test_an_error_points_at_the_readers_own_line(view: View) -> None:
    """The second line as typed is the second line that is told, with the mark below the wrong name."""
    page = asked(view, "SELECT run_id,\n  nosuch FROM run")
    expect(page.get_by_test_id("stAlert").filter(has_text="nosuch")).to_be_visible()
    expect(page.get_by_test_id("stCode")).to_contain_text(re.compile(r"LINE 2:   nosuch FROM run\n {10}\^"))


def test_a_running_statement_is_canceled(view: View, keep: Keep) -> None:
    """The page tells that it runs and ends it; other pages answer meanwhile, and the next statement runs."""
    page = asked(view, ENDLESS)
    page.get_by_text("Running for").wait_for()
    keep(page, "sql-running")
    other = view.open("/")
    other.get_by_role("heading", name="Runs", exact=True).wait_for()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_test_id("stAlert").filter(has_text="canceled")).to_be_visible()
    page.get_by_label("Statement").fill("SELECT 1 AS one")
    run_button(page).click()
    page.get_by_text("1 row ·").wait_for()


def test_the_whole_result_is_a_file(view: View) -> None:
    """12,000 rows of which 10,000 are shown: the CSV has all of them, and no cell that a spreadsheet would run."""
    page = asked(view, SQUARES)
    page.get_by_text("12,000 rows · the first 10,000 shown").wait_for()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    lines = Path(download.value.path()).read_text().splitlines()
    assert (len(lines), lines[0], lines[-1]) == (12001, "i,square,formula", "11999,143976001,'=11999")
    with page.expect_download() as download:
        page.get_by_role("link", name="Parquet").click()
    assert Path(download.value.path()).read_bytes()[:4] == b"PAR1"
    answer = page.request.get(f"{view.stack.url}/runstream-export/no-such-token/result.csv")
    assert (answer.status, "run the statement again" in answer.text()) == (404, True)


def test_the_chart_of_a_result_lives_in_the_address(view: View, keep: Keep) -> None:
    """A link's axes and kind are those drawn; a choice goes back into the address."""
    page = asked(view, SQUARES, "&view=Chart&x=row&y=square&kind=scatter")
    drawn = page.get_by_role("img", name="square against row, scatter").or_(
        page.locator("[aria-label='square against row, scatter']")
    )
    drawn.first.wait_for()
    keep(page, "sql-chart")
    page.get_by_label("Kind").click()
    page.get_by_role("option", name="bar").click()
    page.wait_for_url(lambda url: "kind=bar" in url and "y=square" in url and "view=Chart" in url)
