"""A run's diagnostic charts: kept as JSON files, drawn on the run's page."""

from __future__ import annotations

from typing import Any

from runstream.metrics import Metrics


class Charts(Metrics):
    """The part of a run that logs what diagnoses a model."""

    __slots__ = ()

    def log_confusion_matrix(self, name: str, value: Any, description: str = "") -> None:
        """
        Log how often each true class (row) was predicted as each class (column).

        Args:
            name: the metric.
            value: {"schema_type": "confusion_matrix", "schema_version": "v1", "data": {"class_labels": [...],
                "matrix": [[...], ...]}}, or the same as a JSON string.
            description: of the metric.

        Raises:
            InvalidValue: it is no such document; the reason says what is missing or does not fit.
            InvalidName, MetricFormClash: as log() does.
        """
        self._log_chart("confusion_matrix", name, value, description)

    def log_accuracy_table(self, name: str, value: Any, description: str = "") -> None:
        """
        Log counts of hits and misses of each class at many thresholds, from which ROC and precision curves are drawn.

        Args:
            name: the metric.
            value: {"schema_type": "accuracy_table", "schema_version": "v1", "data": {"class_labels": [...],
                "probability_tables": [class][threshold][TP, FP, TN, FN], "probability_thresholds": [...],
                "percentile_tables": likewise, "percentile_thresholds": [...]}}, or the same as a JSON string.
            description: of the metric.

        Raises:
            InvalidValue, InvalidName, MetricFormClash: as log_confusion_matrix() does.
        """
        self._log_chart("accuracy_table", name, value, description)

    def log_residuals(self, name: str, value: Any, description: str = "") -> None:
        """
        Log a histogram of residuals, predicted minus true.

        Args:
            name: the metric.
            value: {"schema_type": "residuals", "schema_version": "v1", "data": {"bin_edges": [n + 1 numbers],
                "bin_counts": [n numbers]}}, or the same as a JSON string.
            description: of the metric.

        Raises:
            InvalidValue, InvalidName, MetricFormClash: as log_confusion_matrix() does.
        """
        self._log_chart("residuals", name, value, description)

    def log_predictions(self, name: str, value: Any, description: str = "") -> None:
        """
        Log predicted against true values, averaged in bins of the true value.

        Args:
            name: the metric.
            value: {"schema_type": "predictions", "schema_version": "v1", "data": {"bin_averages": [n numbers],
                "bin_errors": likewise, "bin_counts": likewise, "bin_edges": [n + 1 numbers]}}, or the same as a JSON
                string.
            description: of the metric.

        Raises:
            InvalidValue, InvalidName, MetricFormClash: as log_confusion_matrix() does.
        """
        self._log_chart("predictions", name, value, description)

    def _log_chart(self, schema_type: str, name: str, value: Any, description: str) -> None:
        from runstream import diagnostics, images

        content = diagnostics.document(schema_type, name, value)
        self._log_file(name, "chart", images.named(name, content, ".json"), content, description)
