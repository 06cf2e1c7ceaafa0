"""The passport of a model: one file that proves a run's history to somebody who trusts nobody."""
