"""Keras recipes: the deep-learning cookbook as code. Every public name of the package is here."""

from recipes.anomaly import AnomalyScores, anomaly_scores
from recipes.augmentation import ImageAugmentation, image_augmentation, tabular_augmentation
from recipes.autoencoders import (
    build_denoising_autoencoder,
    build_sparse_autoencoder,
    build_stacked_autoencoder,
)
from recipes.callbacks import CosineAnnealing, standard_callbacks
from recipes.convolutional import build_convolutional_autoencoder
from recipes.dense import build_mlp
from recipes.diagnosis import Diagnosis, Finding, diagnose
from recipes.encodings import augment_with, encode, reconstruction_error
from recipes.feeding import batches
from recipes.layers import (
    DisturbLabel,
    DropConnect,
    ReversibleConv2D,
    ReversibleDense,
    Sampling,
    SwapNoise,
)
from recipes.learning_rate import LearningRates, lr_find
from recipes.losses import KLSparsity, SmoothedCrossentropy
from recipes.mixing import augmented, mix
from recipes.noise import WeightNoise, inject_noise
from recipes.plots import (
    plot_anomaly_scores,
    plot_augmentation,
    plot_history,
    plot_latent,
    plot_learning_rates,
    plot_reconstructions,
)
from recipes.pretraining import build_on_encoder, pretrain_layerwise
from recipes.schedules import OneCycle, WarmupCosine
from recipes.variational import build_variational_autoencoder, generate
from recipes.vision import build_cnn

__all__ = [
    "AnomalyScores",
    "CosineAnnealing",
    "Diagnosis",
    "DisturbLabel",
    "DropConnect",
    "Finding",
    "ImageAugmentation",
    "KLSparsity",
    "LearningRates",
    "OneCycle",
    "ReversibleConv2D",
    "ReversibleDense",
    "Sampling",
    "SmoothedCrossentropy",
    "SwapNoise",
    "WarmupCosine",
    "WeightNoise",
    "anomaly_scores",
    "augment_with",
    "augmented",
    "batches",
    "build_cnn",
    "build_convolutional_autoencoder",
    "build_denoising_autoencoder",
    "build_mlp",
    "build_on_encoder",
    "build_sparse_autoencoder",
    "build_stacked_autoencoder",
    "build_variational_autoencoder",
    "diagnose",
    "encode",
    "generate",
    "image_augmentation",
    "inject_noise",
    "lr_find",
    "mix",
    "plot_anomaly_scores",
    "plot_augmentation",
    "plot_history",
    "plot_latent",
    "plot_learning_rates",
    "plot_reconstructions",
    "pretrain_layerwise",
    "reconstruction_error",
    "standard_callbacks",
    "tabular_augmentation",
]
