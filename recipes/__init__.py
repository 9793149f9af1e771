"""Keras recipes: the deep-learning cookbook as code. Every public name of the package is here."""

from recipes.adversarial import (
    GradientReversal,
    build_domain_adversarial,
    classifier_of,
    domain_batches,
)
from recipes.anomaly import AnomalyScores, anomaly_scores
from recipes.augmentation import ImageAugmentation, image_augmentation, tabular_augmentation
from recipes.autoencoders import (
    build_denoising_autoencoder,
    build_sparse_autoencoder,
    build_stacked_autoencoder,
)
from recipes.balanced import BalancedBatches
from recipes.calibration import calibrate, rebalance, shift_prior, shift_threshold
from recipes.callbacks import CosineAnnealing, standard_callbacks
from recipes.class_losses import (
    ClassBalancedCrossentropy,
    FocalCrossentropy,
    LogitAdjustedCrossentropy,
    WeightedCrossentropy,
)
from recipes.convolutional import build_convolutional_autoencoder
from recipes.dense import build_mlp
from recipes.diagnosis import Diagnosis, Finding, diagnose
from recipes.domain import ImportanceWeights, importance_weights
from recipes.encodings import augment_with, encode, reconstruction_error
from recipes.ensembles import average, predict_with_augmentation
from recipes.feeding import batches
from recipes.fine_tuning import FineTuning, fine_tune
from recipes.images import Images, load_images
from recipes.imbalance import class_weights, resample, sample_weights
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
from recipes.naming import class_names, predict_names
from recipes.noise import WeightNoise, inject_noise
from recipes.out_of_fold import CrossValidation
from recipes.plots import (
    plot_anomaly_scores,
    plot_augmentation,
    plot_confusion_matrix,
    plot_folds,
    plot_history,
    plot_latent,
    plot_learning_rates,
    plot_reconstructions,
)
from recipes.pretrained import build_pretrained
from recipes.pretraining import build_on_encoder, pretrain_layerwise
from recipes.pseudo_labels import PseudoLabels, pseudo_label
from recipes.reports import PerClassMetrics, PerClassReport, best_threshold, per_class_report
from recipes.schedules import OneCycle, WarmupCosine
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
    "Diagnosis",
    "DisturbLabel",
    "DropConnect",
    "Finding",
    "FineTuning",
    "FocalCrossentropy",
    "GradientReversal",
    "ImageAugmentation",
    "Images",
    "ImportanceWeights",
    "KLSparsity",
    "LearningRates",
    "LogitAdjustedCrossentropy",
    "OneCycle",
    "PerClassMetrics",
    "PerClassReport",
    "PseudoLabels",
    "ReversibleConv2D",
    "ReversibleDense",
    "Sampling",
    "SmoothedCrossentropy",
    "SwapNoise",
    "TableEncoder",
    "WarmupCosine",
    "WeightNoise",
    "WeightedCrossentropy",
    "anomaly_scores",
    "augment_with",
    "augmented",
    "average",
    "batches",
    "best_threshold",
    "build_cnn",
    "build_convolutional_autoencoder",
    "build_denoising_autoencoder",
    "build_domain_adversarial",
    "build_mlp",
    "build_on_encoder",
    "build_pretrained",
    "build_sparse_autoencoder",
    "build_stacked_autoencoder",
    "build_variational_autoencoder",
    "calibrate",
    "class_names",
    "class_weights",
    "classifier_of",
    "cross_validate",
    "diagnose",
    "domain_batches",
    "encode",
    "fine_tune",
    "generate",
    "image_augmentation",
    "importance_weights",
    "inject_noise",
    "load_images",
    "lr_find",
    "mix",
    "per_class_report",
    "plot_anomaly_scores",
    "plot_augmentation",
    "plot_confusion_matrix",
    "plot_folds",
    "plot_history",
    "plot_latent",
    "plot_learning_rates",
    "plot_reconstructions",
    "predict_names",
    "predict_with_augmentation",
    "pretrain_layerwise",
    "pseudo_label",
    "rebalance",
    "reconstruction_error",
    "resample",
    "sample_weights",
    "score",
    "shift_prior",
    "shift_threshold",
    "standard_callbacks",
    "tabular_augmentation",
]
