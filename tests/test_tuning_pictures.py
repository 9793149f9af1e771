"""What a study shows: its plots, its page, TensorBoard's files."""

import importlib.util
import re
import shutil
import subprocess

import keras
import keras_tuner
import matplotlib
import numpy as np
import pytest

from tests.test_html_report import Page
from tests.test_tuning_objectives import MODEL
from tests.test_tuning_search import build_small, tiny
from tuning import Choice, Float, Widths, _report, _tensorboard

matplotlib.use("Agg")
LOW = keras_tuner.Objective("cost", "min")
RATE = Float(1e-4, 1e-2, log=True)
KNOBS = {"rate": RATE, "units": Widths(4, 8, step=4, depth=(1, 2)), "kind": Choice(None, (1, 2))}


class Costs(keras_tuner.HyperModel):
    """Trains nothing: the rate alone decides."""

    def build(self, hp):
        self.drawn = {name: knob.draw(hp, name) for name, knob in KNOBS.items()}
        return MODEL

    def fit(self, hp, model, *args, **kwargs):
        return {"one": 1.0, "cost": abs(np.log10(self.drawn["rate"]) + 2.4)}


@pytest.fixture(scope="module")
def study():
    return tiny(Costs(), space=None, objective=LOW, max_trials=12)


def test_plots_are_axes_of_the_users_own_and_change_no_style(study):
    from matplotlib import pyplot as plt

    before = dict(matplotlib.rcParams)
    for name in ("history", "curves", "importance", "parallel"):
        ax = plt.subplots()[1]
        assert getattr(study, f"plot_{name}")(ax) is ax
        assert getattr(study, f"plot_{name}")().get_figure() is not ax.figure
    assert dict(matplotlib.rcParams) == before
    assert study.plot().lines


def test_equal_scores_leave_nothing_to_explain():
    study = tiny(Costs(), space=None, objective=keras_tuner.Objective("one", "min"), max_trials=3)
    assert {bar.get_width() for bar in study.plot_importance().patches} == {0.0}
    assert study.plot_parallel().lines


class TestParallel:
    def test_a_line_a_trial_goes_through_its_knobs_to_its_score(self, study):
        ax = study.plot_parallel()
        names = [label.get_text() for label in ax.get_xticklabels()]
        assert names[-1] == "cost"
        assert set(names[:-1]) == {"rate", "units/depth", "units/1", "units/2", "kind"}
        lines = [line.get_ydata() for line in ax.lines if len(line.get_xdata()) == len(names)]
        table = study.leaderboard()
        assert len(lines) == len(table) == 12
        best = dict(zip(names, next(y for y in lines if y[-1] == 1.0), strict=True))
        row = table.iloc[0]
        share = (np.log10(row["rate"]) + 4) / 2
        assert best["rate"] == pytest.approx(share, abs=0.01), "a logarithmic axis"
        assert best["kind"] == (row["kind"] == "1: (1, 2)")
        assert (best["units/2"] < 0) == (row["units/depth"] == 1), "below the axis: there is none"

    def test_the_best_is_on_top_in_its_colour(self, study):
        ax = study.plot_parallel()
        assert [text.get_text() for text in ax.get_legend().get_texts()] == ["the best"]
        (best,) = [line for line in ax.lines if line.get_label() == "the best"]
        assert best.get_ydata()[-1] == 1.0
        texts = {text.get_text() for text in ax.texts}
        assert {"0.0001", "0.01", "None", "(1, 2)", f"{study.best_score:.4g}"} <= texts

    def test_needs_two_trials(self):
        one = tiny(Costs(), space=None, objective=LOW, max_trials=1)
        with pytest.raises(ValueError, match="plot_parallel needs 2 completed trials"):
            one.plot_parallel()


def build_odd(input_shape, outputs, *, units=(4,), note="<b>"):
    """Fails for one of its notes."""
    if note == "bad":
        raise OSError("no <such> thing")
    rate = 0.1 if note == "<b>" else 0.001
    return build_small(input_shape, outputs, units=units, learning_rate=rate)


class TestReport:
    @pytest.fixture(scope="class")
    @staticmethod
    def page(tmp_path_factory):
        space = {"units": (2,), "note": Choice("<b>", "<i>", "bad")}
        study = tiny(build_odd, space=space, max_trials=3, engine="grid")
        return study.report(tmp_path_factory.mktemp("page") / "new" / "study.html")

    def test_holds_all_there_is_and_loads_nothing(self, page):
        read = Page(page)
        captions = ["score of every trial", "trainings", "which knobs matter", "knobs and scores"]
        assert read.captions == captions
        assert "build_odd((4,), 3, units=(2,), note='<" in read.text
        assert not {"b", "i", "such", "script"} & set(read.tags), "it is text, not a tag"
        assert "OSError: no <such> thing" in read.text
        assert "Traceback" in read.text
        assert "3 trials: 2 completed, 1 failed" in read.text
        assert read.tags.count("tr") >= 4 + 5
        assert all(source.startswith("data:image/png;base64,") for source in read.sources)
        assert not re.search(r"https?://", page.read_text())

    @pytest.mark.processes
    @pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
    def test_a_browser_shows_every_picture_and_no_overflow(self, page, tmp_path):
        copy = tmp_path / "page.html"
        script = """<script>addEventListener("load", () => {
            const seen = [...document.images].filter(image => image.naturalWidth > 99).length;
            const wide = document.documentElement.scrollWidth > innerWidth;
            document.title = `${seen} of ${document.images.length}, overflow ${wide}`;
        })</script>"""
        copy.write_text(page.read_text().replace("</head>", f"{script}</head>"))
        browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu"]
        own = [f"--user-data-dir={tmp_path / 'profile'}", "--window-size=900,900"]
        shown = subprocess.run(
            [*browser, *own, "--dump-dom", copy.as_uri()], capture_output=True, text=True
        )
        assert "<title>4 of 4, overflow false</title>" in shown.stdout, shown.stderr[-2000:]

    def test_a_long_leaderboard_is_cut(self, study, tmp_path, monkeypatch):
        monkeypatch.setattr(_report, "ROWS", 5)
        assert "The first 5 of 12." in study.report(tmp_path / "study.html").read_text()


class TestTensorBoard:
    def test_says_what_it_needs(self, monkeypatch, tmp_path):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
        with pytest.raises(ImportError, match="needs the package 'tensorboard': pip install"):
            tiny(tensorboard=tmp_path)

    @pytest.mark.skipif(not importlib.util.find_spec("tensorboard"), reason="no tensorboard")
    @pytest.mark.parametrize("folds", [None, 2])
    def test_every_trial_has_curves_and_knobs(self, folds, tmp_path):
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        space = {"units": Choice((2,), (3,))}
        study = tiny(space=space, epochs=2, folds=folds, tensorboard=tmp_path)
        for trial in study.leaderboard()["trial"]:
            for fold in range(folds) if folds else [None]:
                run = tmp_path / f"trial_{trial}" / ("" if fold is None else f"fold_{fold}")
                curves = EventAccumulator(str(run / "validation")).Reload()
                steps = [event.step for event in curves.Tensors("epoch_loss")]
                assert steps == [0, 1]
                knobs = EventAccumulator(str(run)).Reload().summary_metadata
                assert "_hparams_/session_start_info" in knobs

    def test_overwrite_deletes_the_trials_of_the_study_before(self, tmp_path, monkeypatch):
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: True)
        monkeypatch.setattr(_tensorboard, "callback", lambda *_: keras.callbacks.Callback())
        board = tmp_path / "board"
        for name in ("trial_1", "trial_2/fold_0", "trial_notes", "other"):
            (board / name).mkdir(parents=True)
        settings = {"directory": tmp_path / "study", "tensorboard": board, "max_trials": 1}
        tiny(**settings)
        assert len(list(board.iterdir())) == 4
        tiny(**settings, overwrite=True)
        assert {path.name for path in board.iterdir()} == {"trial_notes", "other"}
