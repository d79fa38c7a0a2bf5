"""Trainable layers without embeddings; what models take from here."""

from common.layers.bfloat16 import bf16_matmul, round_to_bf16
from common.layers.config import Dense, partitioner
from common.layers.dense_layers import dense, dense_group, logit
from common.layers.dense_variables import dense_variables
from common.layers.mixtures import mix
from common.layers.mlps import mlp, mlps
from common.layers.norms import Norm, batch_norm, batch_norms

__all__ = [
    "Dense", "Norm", "batch_norm", "batch_norms", "bf16_matmul", "dense", "dense_group",
    "dense_variables", "logit", "mix", "mlp", "mlps", "partitioner", "round_to_bf16"
]
