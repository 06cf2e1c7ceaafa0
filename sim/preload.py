"""The heavy imports, once, in the process that children are forked from.

It leads a process group of its own, with all its children in it, so that they can be ended together.
"""

import gc
import os

os.setpgid(0, 0)
gc.disable()  # half a million new objects, none of them garbage

import sklearn.datasets  # the shipped tasks
import torch._dynamo  # the first optimizer of a process would import it

import authority.governance
import authority.plan
import node.merge
import sim.nodes

node.merge.self_test()  # compiles, or loads, the merge's inner loops

gc.freeze()  # a collection in a child would touch, and so copy, all that it shares with the others
gc.enable()

__all__ = ["authority", "node", "sim", "sklearn", "torch"]
