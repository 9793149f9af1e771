# %% [markdown]
# # Dates as people write them, into ISO dates: sequence to sequence with attention
#
# 10,000 generated pairs such as "monday, 3rd of may 2021" -> "2021-05-03", a network that reads and
# writes characters, and a picture of where it looks. About two minutes on two CPU cores:
# `python examples/translate_dates.py`. Put your own pairs of texts into `human` and `iso`.

# %%
import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt

from recipes import CosineAnnealing, Vocabulary, batches, build_seq2seq, decode, plot_history

FORMATS = (
    "{day} {month} {year}", "{day} {short} {year}", "{day}{th} of {month} {year}",
    "{month} {day}, {year}", "{short} {day} {year}", "{month} {day}{th}, {year}",
    "{weekday}, {day} {month} {year}", "{weekday} the {day}{th} of {month}, {year}",
    "{day}.{number}.{year}", "{short} {day}, '{two}", "{year}, {month} {day}",
    "the {day}{th} {month} of {year}",
)  # fmt: skip


def main(quick=False, output="output/translate_dates"):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)

    # %% The data: pairs of texts, each in characters. The last tenth is held out.
    human, iso = pairs(400 if quick else 10_000, seed=0)
    held_out = len(human) // 10
    train = slice(0, len(human) - held_out)
    letters = Vocabulary.of(human[train], split="character")
    digits = Vocabulary.of(iso[train], split="character")
    source, target = letters.encode(human), digits.encode(iso, ends=True)

    # %% The model reads `source` and, one step behind, `target`: teacher forcing by plain `fit`.
    model = build_seq2seq(letters, digits, units=(8,) if quick else (64,), seed=0)

    def rows(part):
        return {"source": source[part], "target": target[part, :-1]}, target[part, 1:]

    history = model.fit(
        batches(*rows(train), batch_size=64, seed=0),
        validation_data=batches(*rows(slice(train.stop, None)), batch_size=256, shuffle=False),
        epochs=1 if quick else 6,
        callbacks=[CosineAnnealing()],
        shuffle=False,
        verbose=0 if quick else 2,
    )

    # %% Answers for the held-out dates, letter by letter, and how many are right to the last.
    answers = decode(model, source[train.stop :], max_length=12)
    truth = iso[train.stop :]
    right = np.mean([a == b for a, b in zip(answers.texts(), truth, strict=True)])
    print(f"Exact on {held_out} dates never seen: {right:.4f}")
    table = pd.DataFrame({"written": human[train.stop :], "answer": answers.texts(), "true": truth})
    table["log_probability"] = answers.log_probabilities
    table.to_csv(output / "answers.csv", index=False)
    print(table.head(5).to_string(index=False))

    # %% Where it looks: the year stands at the end of most texts and at the front of the answer.
    plot_history(history, "loss").figure.savefig(output / "history.png", dpi=120)
    row = int(np.argmax([text.startswith("monday the") for text in human[train.stop :]]))
    figure = answers.plot(row).figure
    figure.savefig(output / "attention.png", dpi=150)
    plt.close("all")
    model.save(output / "model.keras")
    print(f"Written to {output}: {', '.join(sorted(item.name for item in output.iterdir()))}")
    return right


def pairs(n, seed):
    """Dates as people write them, and as ISO has them."""
    random = np.random.default_rng(seed)
    days = np.datetime64("1950-01-01") + random.integers(0, 40_000, n)
    human, iso = [], []
    for date, form in zip(pd.DatetimeIndex(days), random.integers(0, len(FORMATS), n), strict=True):
        two = f"{date.year % 100:02}"
        text = FORMATS[form].format(
            day=date.day,
            th=ending(date.day),
            month=date.month_name().lower(),
            short=date.month_name()[:3].lower(),
            number=date.month,
            weekday=date.day_name().lower(),
            year=date.year,
            two=two,
        )
        # Two digits of a year say no century: those are of this one.
        year = 2000 + date.year % 100 if f"'{two}" in text else date.year
        human.append(text)
        iso.append(f"{year}-{date.month:02}-{date.day:02}")
    return human, iso


def ending(day):
    if day in (11, 12, 13):
        return "th"
    return {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", default="output/translate_dates", help="folder to write to")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output)
