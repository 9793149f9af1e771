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
from recipes.backtests import Backtest, backtest
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
from recipes.cyclegan import build_cyclegan, translate, unpaired_batches
from recipes.dense import build_mlp
from recipes.diagnosis import Diagnosis, Finding, diagnose
from recipes.domain import ImportanceWeights, importance_weights
from recipes.encodings import augment_with, encode, reconstruction_error
from recipes.ensembles import average, predict_with_augmentation
from recipes.explanations import (
    class_activation_map,
    grad_cam,
    integrated_gradients,
    occlusion_map,
    saliency,
)
from recipes.feeding import batches
from recipes.fine_tuning import FineTuning, fine_tune
from recipes.forecasting import build_forecaster
from recipes.gan import build_gan, sample
from recipes.html_report import report
from recipes.images import Images, load_images
from recipes.imbalance import class_weights, resample, sample_weights
from recipes.initialization import initial_weights
from recipes.inside import attention_weights, maximize_activation
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
from recipes.lstm_fcn import build_lstm_fcn
from recipes.map_plots import overlay, plot_attention, plot_feature_maps, plot_maps
from recipes.mixing import augmented, mix
from recipes.naming import class_names, predict_names
from recipes.noise import WeightNoise, inject_noise
from recipes.out_of_fold import CrossValidation
from recipes.pictures import plot_augmentation, plot_mistakes, plot_reconstructions
from recipes.plots import (
    plot_anomaly_scores,
    plot_folds,
    plot_history,
    plot_latent,
    plot_learning_rates,
)
from recipes.pretrained import build_pretrained
from recipes.pretraining import build_on_encoder, pretrain_layerwise
from recipes.pseudo_labels import PseudoLabels, pseudo_label
from recipes.reports import PerClassMetrics, PerClassReport, best_threshold, per_class_report
from recipes.schedules import OneCycle, WarmupCosine
from recipes.score_plots import (
    plot_confusion_matrix,
    plot_fold_scores,
    plot_per_class,
    plot_precision_recall,
    plot_reliability,
    plot_residuals,
)
from recipes.scores import score
from recipes.seq2seq import Decoded, build_seq2seq, decode
from recipes.sequence_autoencoders import build_sequence_autoencoder
from recipes.sequences import build_rnn, generate_sequence
from recipes.series_augmentation import SeriesAugmentation, series_augmentation
from recipes.series_plots import plot_forecast
from recipes.tables import TableEncoder
from recipes.text import Vocabulary, check_tokens, tokenize, vocabulary_of
from recipes.validation import cross_validate
from recipes.variational import build_variational_autoencoder, generate
from recipes.vision import build_cnn
from recipes.windows import Windows, make_windows

__all__ = [
    "AnomalyScores",
    "Backtest",
    "BalancedBatches",
    "ClassBalancedCrossentropy",
    "CosineAnnealing",
    "CrossValidation",
    "Decoded",
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
    "SeriesAugmentation",
    "SmoothedCrossentropy",
    "SwapNoise",
    "TableEncoder",
    "Vocabulary",
    "WarmupCosine",
    "WeightNoise",
    "WeightedCrossentropy",
    "Windows",
    "anomaly_scores",
    "attention_weights",
    "augment_with",
    "augmented",
    "average",
    "backtest",
    "batches",
    "best_threshold",
    "build_cnn",
    "build_convolutional_autoencoder",
    "build_cyclegan",
    "build_denoising_autoencoder",
    "build_domain_adversarial",
    "build_forecaster",
    "build_gan",
    "build_lstm_fcn",
    "build_mlp",
    "build_on_encoder",
    "build_pretrained",
    "build_rnn",
    "build_seq2seq",
    "build_sequence_autoencoder",
    "build_sparse_autoencoder",
    "build_stacked_autoencoder",
    "build_variational_autoencoder",
    "calibrate",
    "check_tokens",
    "class_activation_map",
    "class_names",
    "class_weights",
    "classifier_of",
    "cross_validate",
    "decode",
    "diagnose",
    "domain_batches",
    "encode",
    "fine_tune",
    "generate",
    "generate_sequence",
    "grad_cam",
    "image_augmentation",
    "importance_weights",
    "initial_weights",
    "inject_noise",
    "integrated_gradients",
    "load_images",
    "lr_find",
    "make_windows",
    "maximize_activation",
    "mix",
    "occlusion_map",
    "overlay",
    "per_class_report",
    "plot_anomaly_scores",
    "plot_attention",
    "plot_augmentation",
    "plot_confusion_matrix",
    "plot_feature_maps",
    "plot_fold_scores",
    "plot_folds",
    "plot_forecast",
    "plot_history",
    "plot_latent",
    "plot_learning_rates",
    "plot_maps",
    "plot_mistakes",
    "plot_per_class",
    "plot_precision_recall",
    "plot_reconstructions",
    "plot_reliability",
    "plot_residuals",
    "predict_names",
    "predict_with_augmentation",
    "pretrain_layerwise",
    "pseudo_label",
    "rebalance",
    "reconstruction_error",
    "report",
    "resample",
    "saliency",
    "sample",
    "sample_weights",
    "score",
    "series_augmentation",
    "shift_prior",
    "shift_threshold",
    "standard_callbacks",
    "tabular_augmentation",
    "tokenize",
    "translate",
    "unpaired_batches",
    "vocabulary_of",
]
