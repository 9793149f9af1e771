# %% [markdown]
# # Sentiment of texts: a recurrent network over words, beside word counts
#
# `python examples/sentiment.py reviews.csv` wants the columns `text` and `label`. Without a file it
# writes reviews of its own from parts of sentences, in which "not" and "hardly" turn a verdict
# round: word counts cannot know which word they stand before. A minute on two CPU cores.

# %%
import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline

from recipes import (
    CosineAnnealing,
    Vocabulary,
    attention_weights,
    batches,
    build_rnn,
    plot_attention,
    plot_confusion_matrix,
    plot_history,
)

WORDS = 20_000  # of the vocabulary, at most
LENGTH = 200  # words of a text that are read, at most

THINGS = ["film", "story", "cast", "ending", "music", "first half", "script", "camera work"]
GOOD = ["good", "great", "moving", "funny", "clever", "gripping", "fresh", "worth seeing"]
BAD = ["bad", "dull", "weak", "silly", "slow", "flat", "tired", "a waste of time"]
TURNED = ["not", "hardly", "never", "not at all", "anything but"]
PLAIN = ["really", "very", "truly", "simply", "quite", ""]
RESTS = ["i saw it on a sunday", "with a friend", "in a full house", "on tv", "last week"]


def main(quick=False, output="output/sentiment", csv=None):
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)

    # %% The data: texts and classes from 0. A quarter is held out.
    table = pd.read_csv(csv) if csv else reviews(200 if quick else 3000, seed=0)
    table = table[table["text"].str.strip().astype(bool)]
    classes, y = np.unique(table["label"], return_inverse=True)
    texts, texts_test, y, y_test = train_test_split(
        table["text"].tolist(), y, test_size=0.25, stratify=y, random_state=0
    )

    # %% Words become numbers; the vocabulary is that of the training texts, and the model keeps it.
    vocabulary = Vocabulary.of(texts, max_tokens=WORDS)
    x, x_test = (vocabulary.encode(part) for part in (texts, texts_test))
    x, x_test = x[:, :LENGTH], x_test[:, :LENGTH]

    # %% The network and word counts.
    model = build_rnn(
        (None,),
        len(classes),
        vocabulary=vocabulary,
        embedding_dim=8 if quick else 32,
        units=(4,) if quick else (32,),
        bidirectional=not quick,
        attention=True,
        dropout=0.3,
        seed=0,
    )
    history = model.fit(
        batches(x, y, 32, seed=0),
        validation_data=batches(x_test, y_test, 256, shuffle=False),
        epochs=1 if quick else 8,
        callbacks=[CosineAnnealing()],
        shuffle=False,
        verbose=0,
    )
    probabilities = model.predict(x_test, verbose=0)
    counts = make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)).fit(texts, y)
    accuracy = {
        "network over words": (probabilities.argmax(-1) == y_test).mean(),
        "word counts": counts.score(texts_test, y_test),
    }
    for name, value in accuracy.items():
        print(f"{name:20} {value:.4f}")

    # %% Pictures: learning curve, confusions, and the words that counted in a text.
    figure = plt.figure(figsize=(9, 6.5), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(2, 1))
    left, right = above.subplots(1, 2)
    plot_history(history, "accuracy", left)
    plot_confusion_matrix(y_test, probabilities, names=[str(name) for name in classes], ax=right)
    words = vocabulary.pieces(x_test[0])[:16]
    looks = attention_weights(model, x_test[:1])[0, : len(words)]
    verdict = str(classes[probabilities[0].argmax()])
    strip = plot_attention(looks, words, ax=below.subplots())
    strip.set_title(f"what the answer {verdict!r} rests on, word by word")
    figure.savefig(output / "sentiment.png", dpi=120)
    plt.close("all")
    model.save(output / "model.keras")
    label = classes[probabilities.argmax(-1)]
    submission = pd.DataFrame({"id": range(len(label)), "label": label})
    submission.to_csv(output / "submission.csv", index=False)
    return accuracy


def reviews(n, seed):
    """Verdicts on parts of a film, one in two turned round by a word before it."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        liked, turned = random.integers(0, 2, 2)
        words = GOOD if liked != turned else BAD
        before = random.choice(TURNED if turned else PLAIN)
        verdict = f"the {random.choice(THINGS)} was {before} {random.choice(words)}"
        parts = [verdict, random.choice(RESTS)]
        # Another's opinion, of the other kind, that does not count.
        other = random.choice(BAD if liked else GOOD)
        parts.append(f"others found the {random.choice(THINGS)} {other}")
        order = random.permutation(len(parts))
        text = ", ".join(parts[i] for i in order) + "."
        rows.append({"text": " ".join(text.split()), "label": ("negative", "positive")[liked]})
    return pd.DataFrame(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("csv", nargs="?", help="file with the columns text and label")
    parser.add_argument("--quick", action="store_true", help="a few seconds, to see that it runs")
    parser.add_argument("--output", default="output/sentiment", help="folder to write to")
    arguments = parser.parse_args()
    main(arguments.quick, arguments.output, arguments.csv)
