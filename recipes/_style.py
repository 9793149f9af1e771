"""The one style of all plots: colours that colour-blind readers can tell apart, and the Axes."""

# Okabe and Ito, Color Universal Design.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#999999"
OTHERS = ("#CC79A7", "#E69F00", "#56B4E9", "#F0E442", "#000000", GREY, "#8B4513")
PALETTE = (BLUE, ORANGE, GREEN, *OTHERS)
HEAT = "inferno"  # colour map of what is laid over images
SHARES = "Blues"  # colour map of shares in a table


def axes(ax, width=6.4, height=4.0):
    """The Axes given, or those of a new figure, in the one style of all plots."""
    if ax is None:
        from matplotlib import pyplot as plt

        ax = plt.subplots(figsize=(width, height), layout="constrained")[1]
    ax.spines[["top", "right"]].set_visible(False)
    return ax
