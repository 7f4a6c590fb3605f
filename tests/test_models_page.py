"""The models page in a real browser: versions, files, lineage, what was deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Position, expect

from runstream import Experiment, Model, Workspace
from tests.browser import Keep, View, start

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("stack_home")]


def test_without_models_the_page_tells_how_to_register_one(view: View) -> None:
    """And goes on by itself when there is one."""
    # The first test of this module, while its home has no model yet.
    page = view.open("/models")
    expect(page.locator(".st-key-rs-no-models")).to_contain_text("register_model")
    register("first")
    page.locator(".st-key-rs-model").get_by_role("heading", name="first").wait_for()


def register(name: str, n: int = 1) -> tuple[str, list[Model]]:
    """Register n versions of a model from one run; return the run's id and them."""
    with start(f"makes {name}", "models") as run:
        models = []
        for number in range(1, n + 1):
            path = Path(run._config.home.root) / f"{name}-{number}.bin"
            path.write_bytes(f"weights {number}".encode())
            run.upload_file(f"outputs/v{number}/model.bin", str(path))
            models.append(
                run.register_model(
                    name,
                    model_path=f"outputs/v{number}",
                    tags={"stage": f"try {number}"},
                    properties={"auc": f"0.{number}"},
                    description=f"*version* {number}",
                    model_framework="ScikitLearn",
                    model_framework_version="1.7",
                )
            )
    return run.id, models


def test_a_version_shows_where_it_comes_from(view: View, keep: Keep) -> None:
    """Tags, framework, description, and links between run and model in both directions."""
    run_id, models = register("churn", 3)
    page = view.open("/models?workspace=default&model=churn")
    box = page.locator(".st-key-rs-model-version")
    expect(box).to_contain_text("Version 3")
    expect(box).to_contain_text("Newest")
    expect(box).to_contain_text("stage = try 3")
    expect(box).to_contain_text("ScikitLearn 1.7 · 1 file · 9 B")
    expect(box).to_contain_text("*version* 3")
    keep(page, "models")
    page = view.open(models[0].url.removeprefix(view.stack.url))
    expect(page.locator(".st-key-rs-model-version")).to_contain_text("Version 1")
    page.locator(".st-key-rs-model-version").get_by_role("link").click()
    page.wait_for_url(lambda url: f"run={run_id}" in url)
    page.locator(".st-key-rs-made").get_by_role("link", name="churn · version 2").click()
    page.wait_for_url(lambda url: "version=2" in url)
    expect(page.locator(".st-key-rs-model-version")).to_contain_text("Version 2")


def test_a_click_shows_another_model_and_another_version(view: View) -> None:
    """The address follows, so that a link shows the same; a link may leave the workspace out."""
    register("older", 2)
    register("newer")
    page = view.open("/models?model=newer")
    chosen = page.locator(".st-key-rs-model")
    chosen.get_by_role("heading", name="newer").wait_for()
    # By their keys: the first table of the page is another one until the list of models has been drawn, and the other
    # model's versions stay until the new ones have come.
    second_row = Position(x=16, y=34 * 2 + 17)
    page.locator("[class*=st-key-models-]").get_by_test_id("stDataFrame").click(position=second_row)
    page.wait_for_url(lambda url: "model=older" in url)
    chosen.get_by_role("heading", name="older").wait_for()
    versions = page.locator("[class*=st-key-versions-]").get_by_test_id("stDataFrame")
    expect(versions).to_have_count(1)
    versions.click(position=second_row)
    page.wait_for_url(lambda url: "version=1" in url)
    expect(page.locator(".st-key-rs-model-version")).to_contain_text("Version 1")
    page = view.open("/models?model=older&version=1")
    expect(page.locator(".st-key-rs-model-version")).to_contain_text("Version 1")


def test_a_file_of_a_model_is_downloaded(view: View) -> None:
    """The only file of a version is at hand without being checked first."""
    register("downloaded")
    page = view.open("/models?model=downloaded")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download model.bin").click()
    assert Path(waiting.value.path()).read_bytes() == b"weights 1"
    assert waiting.value.suggested_filename == "model.bin"


def test_a_deleted_version_is_not_shown(view: View) -> None:
    """The others keep their numbers."""
    _, models = register("pruned", 2)
    models[1].delete()
    page = view.open("/models?model=pruned&version=2")
    expect(page.locator(".st-key-rs-model-version")).to_contain_text("Version 1")


def test_models_are_found_by_their_tags(view: View) -> None:
    """A word narrows the list to the models that say it; none at all is told."""
    register("tagged")
    page = view.open("/models")
    page.locator(".st-key-rs-model").wait_for()
    page.get_by_placeholder("Find by name").fill("tagged")
    page.locator(".st-key-rs-model").get_by_role("heading", name="tagged").wait_for()
    page.get_by_placeholder("Find by name").fill("no such model")
    page.get_by_text("No model matches.").wait_for()


def test_a_model_without_a_run_is_shown(view: View, tmp_path: Path) -> None:
    """Registered from files by a process that logs nothing."""
    path = tmp_path / "card.md"
    path.write_text("# card")
    Experiment(Workspace(), "models").start_logging().complete()
    Model.register(Workspace(), model_path=str(path), model_name="from-files")
    page = view.open("/models?model=from-files")
    expect(page.locator(".st-key-rs-model-version")).to_contain_text("without a run")
