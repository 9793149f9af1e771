"""A study on one page: `Study.report`."""

import html

from recipes import _page
from tuning import _checks
from tuning._fronts import number_of

ROWS = 50  # of the leaderboard
SECONDS_A_MINUTE = 60


def write(study, path):
    """Write the page; returns its path."""
    best = study._best()  # an error before anything is written
    path = _checks.file("path", path)
    table = study.leaderboard()
    counts = table["status"].value_counts()
    counts = ", ".join(f"{count} {status}" for status, count in counts.items())
    seconds = table["seconds"].sum() if "seconds" in table else 0
    note = f"{len(table)} trials: {counts}; {seconds / SECONDS_A_MINUTE:.1f} minutes of training"
    sections = [
        ("The best", _best(study, best, table)),
        ("The search", _pictures(study)),
        ("Compromises", _compromises(study)),
        ("Leaderboard", _table(table)),
        ("Failures", _failures(study)),
        ("What was searched", _searched(study)),
    ]
    return _page.write(path, f"Study of {study.tuner.hypermodel.name}", note, sections)


def _best(study, best, table):
    scores = ", ".join(
        f"{name.replace('_', ' ')} {value:.5g}"
        for name, value in table.iloc[0].items()
        if name == "parameters" or str(name).startswith("val_")
    )
    head = f"Trial {number_of(best)}: {study.objective} {study.best_score:.5g}; {scores}."
    line = study.tuner.hypermodel.line(best.hyperparameters)
    text = f"model = {line}" if line else f"{study.best_arguments}"
    return f"<p>{html.escape(head)}</p>\n<pre>{html.escape(text)}</pre>"


def _pictures(study):
    parts = [
        _page.figure(study.plot_history(), "score of every trial"),
        _page.figure(study.plot_curves(), "trainings"),
    ]
    if len(study._completed()) > 1 and study.tuner.oracle.get_space().space:
        parts += [
            _page.figure(study.plot_importance(), "which knobs matter"),
            _page.figure(study.plot_parallel(), "knobs and scores"),
        ]
    return "".join(parts)


def _compromises(study):
    if len(study.objectives) < 2:
        return ""
    parts = [
        _page.figure(study.plot_pareto(against=name), f"{study.objective} and {name}")
        for name in study.objectives[1:]
    ]
    return "".join(parts) + _table(study.pareto())


def _table(table):
    more = f"<p>The first {ROWS} of {len(table)}.</p>" if len(table) > ROWS else ""
    text = table.head(ROWS).to_html(index=False, border=0, na_rep="", float_format="{:.4g}".format)
    return more + text


def _failures(study):
    return "".join(
        f"<details><summary>trial {number}: {html.escape(text.strip().splitlines()[-1])}</summary>"
        f"<pre>{html.escape(text)}</pre></details>"
        for number, text in study.failures.items()
    )


def _searched(study):
    rows = "".join(
        f"<tr><td>{html.escape(str(name))}</td><td>{html.escape(str(value))}</td></tr>"
        for name, value in study.description.items()
    )
    return f"<table>{rows}</table>" if rows else ""
