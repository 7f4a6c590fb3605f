"""What the notebook about logging calls: every kind of metric, three thousand wide rows, and what is read back."""

import math
import os
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt

from runstream.azureml.core import Experiment, Run, Workspace

ws = Workspace.from_config()
experiment = Experiment(workspace=ws, name="logging-api-test")

run = experiment.start_logging()
print("Run id:", run.id)
assert run.get_portal_url().endswith(run.id)

# Text and numbers, lists, a generator.
run.log(name="Color", value="red")
run.log("Long text", "line\n" * 200)
run.log_list(name="Fibonacci", value=[0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89])
run.log_list("Squares", (i * i for i in range(5)))

# One name in a loop, rows of numpy's floats, a table.
sines: dict[str, list[float]] = {"angle": [], "sine": []}
for i in range(-10, 10):
    run.log(name="Sigmoid", value=1 / (1 + np.exp(-i)))
    angle = i / 2.0
    run.log_row(name="Cosine Wave", angle=angle, cos=np.cos(angle))
    sines["angle"].append(angle)
    sines["sine"].append(np.sin(angle))
run.log_table(name="Sine Wave", value=sines)

# A picture of matplotlib's.
angles = np.linspace(-3, 3, 50)
plt.plot(angles, np.tan(angles) ** 2)
run.log_image(name="Hyperbolic", plot=plt)

# Three thousand rows of fifteen columns.
for i in range(3000):
    run.log_row(
        "wide", a=i, b=i, c=i, d=i, e=i, f=i, g=i, h=i, i=i, j=i, k=i, l=i, m=i, n=i, o=i
    )  # fmt: skip

# A description by its place, a file of a folder below.
run.log_row("described", "what this row is about", x=1)
Path("myfile").mkdir()
Path("myfile/hello.txt").write_text("This is a file that I want to keep.")
uploaded = run.upload_file(name="myfile/hello.txt", path_or_stream="myfile/hello.txt")
assert uploaded.serialize()["path"] == "myfile/hello.txt"

run.complete()

# A finished run goes on taking what it is given.
plt.clf()
plt.plot([1, 3, 2])
run.log_image("late", plot=plt)
run.upload_file("outputs/late.txt", "myfile/hello.txt")
run.tag("Competition Rank", 1)  # type: ignore[arg-type]

# Reading back, by another object.
fetched = Run(experiment, run.id)
metrics = fetched.get_metrics()
assert fetched.get_metrics(name="Fibonacci") == {"Fibonacci": [0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89]}
assert (metrics["Color"], metrics["Squares"]) == ("red", [0, 1, 4, 9, 16])
assert len(metrics["Sigmoid"]) == 20
assert metrics["Cosine Wave"] == {"angle": sines["angle"], "cos": [math.cos(angle) for angle in sines["angle"]]}
assert metrics["Sine Wave"] == sines
assert set(metrics["wide"]) == set("abcdefghijklmno")
assert all(column == list(range(3000)) for column in metrics["wide"].values())
assert metrics["described"] == {"x": 1}
names = fetched.get_file_names()
assert {metrics["Hyperbolic"], metrics["late"], "myfile/hello.txt", "outputs/late.txt"} <= set(names)

os.makedirs("files", exist_ok=True)
for f in names:
    fetched.download_file(f, os.path.join("files", f.rpartition("/")[2]))
assert Path("files/hello.txt").read_text() == "This is a file that I want to keep."
assert fetched.get_tags() == {"Competition Rank": "1"}
assert fetched.get_status() == "Completed"
