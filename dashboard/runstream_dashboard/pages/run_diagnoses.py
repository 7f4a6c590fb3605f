"""The run page's diagnostic charts: confusion matrix, accuracy, residuals, predictions; each above its numbers."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from runstream_consumer.history import (
    Accuracy,
    ArtifactRow,
    Confusion,
    Diagnosis,
    Predictions,
    Residuals,
    RunRow,
)
from runstream_dashboard import address, diagnoses, diagnosis_figures, files, formats, live, loading, style
from runstream_dashboard.figures import Spec

_CHART_PX = 300
_TABLE_PX = 173
_ALL = "All classes"


def chart(row: RunRow, name: str, description: str) -> None:
    """Draw the newest chart of a metric of this form."""
    st.subheader(formats.plain(name), anchor=False)
    if description:
        st.caption(formats.plain(description))
    found = [artifact for artifact in _files(row) if artifact.metric_name == name]
    if not found:
        st.caption("Its file has not arrived yet.")
        return
    newest = max(found, key=lambda artifact: (artifact.logged_at, artifact.path))
    data = live.detail("bytes", (0, 0), newest.sha256, lambda reader: files.read(reader, row.run_id, newest))
    if data is None:
        st.info(formats.plain(files.where(newest)), icon=":material/cloud:")
        return
    try:
        diagnosis = diagnoses.read(data)
    except ValueError as error:
        st.warning(
            f"{formats.plain(newest.path)} cannot be drawn: {formats.plain(str(error))}.", icon=":material/report:"
        )
        return
    _draw(name, diagnosis)


def _files(row: RunRow) -> list[ArtifactRow]:
    when = live.slow(live.watermark(), turn=1)
    return live.detail("artifacts", when, row.run_id, lambda reader: reader.artifacts(row.run_id, versions=True))


def _draw(name: str, diagnosis: Diagnosis) -> None:
    colours = diagnosis_figures.look(style.dark())
    if isinstance(diagnosis, Confusion):
        height = diagnosis_figures.confusion_height(diagnosis)
        spec = diagnosis_figures.confusion_map(diagnosis, colours)
        _shown(name, spec, "true classes against predicted ones", height)
        total, accuracy = formats.number(sum(map(sum, diagnosis.counts))), formats.number(diagnoses.accuracy(diagnosis))
        st.caption(f"{total} predictions · accuracy {accuracy}")
        _numbers(name, diagnoses.confusion_table(diagnosis))
    elif isinstance(diagnosis, Accuracy):
        _accuracy(name, diagnosis, colours)
    elif isinstance(diagnosis, Residuals):
        _shown(name, diagnosis_figures.residual_bars(diagnosis, colours), "histogram of predicted minus true")
        mean = formats.number(diagnoses.mean(diagnosis))
        st.caption(f"{formats.number(sum(diagnosis.counts))} residuals · mean about {mean}")
        _numbers(name, diagnoses.residuals_table(diagnosis))
    elif isinstance(diagnosis, Predictions):
        _shown(name, diagnosis_figures.prediction_band(diagnosis, colours), "predicted against true values")
        st.caption(f"{formats.number(sum(diagnosis.counts))} predictions, averaged in bins of the true value")
        _numbers(name, diagnoses.predictions_table(diagnosis))


def _accuracy(name: str, accuracy: Accuracy, colours: diagnosis_figures.Look) -> None:
    curve, label = _choices(name, accuracy)
    places = range(len(accuracy.labels)) if label == _ALL else [accuracy.labels.index(label)]
    _shown(
        name, diagnosis_figures.accuracy_curves(accuracy, curve, places, colours), f"{curve} of {label}", _CHART_PX + 30
    )
    _numbers(name, diagnoses.accuracy_table(accuracy, places))


def _choices(name: str, accuracy: Accuracy) -> tuple[str, str]:
    """Draw the choice of curve and class; both live in the address, as `axes` of other forms do."""
    labels = [_ALL, *dict.fromkeys(accuracy.labels)]
    asked = address.items_of(st.query_params.get("axes")).get(name, ())
    curve_key, class_key = f"curve-{name}", f"class-{name}"
    st.session_state.setdefault(
        curve_key, asked[0] if asked and asked[0] in diagnosis_figures.CURVES else diagnosis_figures.CURVES[0]
    )
    st.session_state.setdefault(class_key, asked[1] if len(asked) == 2 and asked[1] in labels else _ALL)

    def changed() -> None:
        chosen = address.items_of(st.query_params.get("axes"))
        chosen[name] = (st.session_state[curve_key], st.session_state[class_key])
        st.query_params["axes"] = address.items_text(chosen)

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        curve = st.segmented_control(
            "Curve",
            diagnosis_figures.CURVES,
            key=curve_key,
            required=True,
            label_visibility="collapsed",
            on_change=changed,
        )
        label = st.selectbox("Class", labels, key=class_key, label_visibility="collapsed", width=180, on_change=changed)
    return str(curve), str(label)


def _shown(name: str, spec: Spec, what: str, height: int = _CHART_PX) -> None:
    st.echarts_chart(spec, height=height, key=f"chart-{name}", alt=f"{name}: {what}")


def _numbers(name: str, table: pd.DataFrame) -> None:
    height = loading.table_px(len(table), _TABLE_PX)
    st.dataframe(table, hide_index=True, row_height=loading.ROW_PX, height=height, alt=f"Numbers of {name}")
