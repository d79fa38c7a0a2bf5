"""Trainable layers without embeddings; what models take from here."""

from common.layers.dense_layers import (Dense, bf16_matmul, dense, dense_group, dense_variables, logit, partitioner,
                                        round_to_bf16)
from common.layers.mixtures import mix
from common.layers.mlps import mlp, mlps
from common.layers.norms import Norm, batch_norm, batch_norms

__all__ = ["Dense", "Norm", "batch_norm", "batch_norms", "bf16_matmul", "dense", "dense_group", "dense_variables",
           "logit", "mix", "mlp", "mlps", "partitioner", "round_to_bf16"]
