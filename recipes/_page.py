"""One HTML page that holds its pictures and loads nothing, of a model or of a study."""

import base64
import html
import io
from pathlib import Path

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid #ccc; }
p.small, figcaption { color: #555; }
pre { background: #f4f4f4; padding: .7rem; white-space: pre-wrap; }
table { border-collapse: collapse; border: 0; display: block; overflow-x: auto; }
th, td { border: 1px solid #ccc; padding: .2rem .6rem; text-align: right;
         white-space: nowrap; }
td:first-child, th:first-child { text-align: left; }
figure { display: inline-block; margin: .5rem 1rem .5rem 0; vertical-align: top; }
img { max-width: 100%; height: auto; }
"""


def write(path, title, note, sections):
    """Write the page and return its path.

    Args:
        path: the file.
        title, note: plain text.
        sections: list of (heading, HTML); empty ones are left out.
    """
    path, title = Path(path), html.escape(title)
    body = "\n".join(f"<h2>{name}</h2>\n{content}" for name, content in sections if content)
    path.write_text(
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{STYLE}</style></head>\n<body><h1>{title}</h1>\n"
        f'<p class="small">{html.escape(note)}</p>\n{body}\n</body></html>\n',
        encoding="utf-8",
    )
    return path


def figure(ax, caption):
    """A plot as part of the page; its figure is closed."""
    from matplotlib import pyplot as plt

    file = io.BytesIO()
    ax.figure.savefig(file, format="png", dpi=110)
    plt.close(ax.figure)
    data = base64.b64encode(file.getvalue()).decode()
    text = html.escape(caption)
    width = ax.figure.get_size_inches()[0] * 72
    image = f'<img alt="{text}" width="{width:.0f}" src="data:image/png;base64,{data}">'
    return f"<figure>{image}<figcaption>{text}</figcaption></figure>\n"
