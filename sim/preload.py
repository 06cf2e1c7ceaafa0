"""The heavy imports, once, in the process that children are forked from."""

import sklearn.datasets
import torch

import authority.governance
import authority.plan
import node.runtime

__all__ = ["authority", "node", "sklearn", "torch"]
