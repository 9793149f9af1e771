"""Keras recipes: the deep-learning cookbook as code. Every public name of the package is here."""

from recipes.anomaly import AnomalyScores, anomaly_scores
from recipes.autoencoders import (
    build_denoising_autoencoder,
    build_sparse_autoencoder,
    build_stacked_autoencoder,
)
from recipes.balanced import BalancedBatches
from recipes.calibration import calibrate, rebalance, shift_prior, shift_threshold
from recipes.callbacks import CosineAnnealing
from recipes.class_losses import (
    ClassBalancedCrossentropy,
    FocalCrossentropy,
    LogitAdjustedCrossentropy,
    WeightedCrossentropy,
)
from recipes.convolutional import build_convolutional_autoencoder
from recipes.dense import build_mlp
from recipes.encodings import augment_with, encode, reconstruction_error
from recipes.ensembles import average, predict_with_augmentation
from recipes.feeding import batches
from recipes.imbalance import class_weights, resample, sample_weights
from recipes.layers import (
    DisturbLabel,
    DropConnect,
    ReversibleConv2D,
    ReversibleDense,
    Sampling,
    SwapNoise,
)
from recipes.losses import KLSparsity, SmoothedCrossentropy
from recipes.noise import inject_noise
from recipes.out_of_fold import CrossValidation
from recipes.plots import (
    plot_anomaly_scores,
    plot_confusion_matrix,
    plot_folds,
    plot_history,
    plot_latent,
    plot_reconstructions,
)
from recipes.pretraining import build_on_encoder, pretrain_layerwise
from recipes.reports import PerClassMetrics, PerClassReport, best_threshold, per_class_report
from recipes.scores import score
from recipes.tables import TableEncoder
from recipes.validation import cross_validate
from recipes.variational import build_variational_autoencoder, generate
from recipes.vision import build_cnn

__all__ = [
    "AnomalyScores",
    "BalancedBatches",
    "ClassBalancedCrossentropy",
    "CosineAnnealing",
    "CrossValidation",
    "DisturbLabel",
    "DropConnect",
    "FocalCrossentropy",
    "KLSparsity",
    "LogitAdjustedCrossentropy",
    "PerClassMetrics",
    "PerClassReport",
    "ReversibleConv2D",
    "ReversibleDense",
    "Sampling",
    "SmoothedCrossentropy",
    "SwapNoise",
    "TableEncoder",
    "WeightedCrossentropy",
    "anomaly_scores",
    "augment_with",
    "average",
    "batches",
    "best_threshold",
    "build_cnn",
    "build_convolutional_autoencoder",
    "build_denoising_autoencoder",
    "build_mlp",
    "build_on_encoder",
    "build_sparse_autoencoder",
    "build_stacked_autoencoder",
    "build_variational_autoencoder",
    "calibrate",
    "class_weights",
    "cross_validate",
    "encode",
    "generate",
    "inject_noise",
    "per_class_report",
    "plot_anomaly_scores",
    "plot_confusion_matrix",
    "plot_folds",
    "plot_history",
    "plot_latent",
    "plot_reconstructions",
    "predict_with_augmentation",
    "pretrain_layerwise",
    "rebalance",
    "reconstruction_error",
    "resample",
    "sample_weights",
    "score",
    "shift_prior",
    "shift_threshold",
]
