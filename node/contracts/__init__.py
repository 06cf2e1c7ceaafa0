"""The contracts once more, in Python: tested against the Solidity ones, call by call."""
