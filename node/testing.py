"""In-memory twins of the seams: what the real ones do, without a chain, a network or a disk."""

from node.contracts.chain import MemoryLedger as MemoryLedger
from node.testing_blobs import MemoryBlobs as MemoryBlobs
from node.testing_exchange import MemoryExchange as MemoryExchange
from node.testing_exchange import MemoryNetwork as MemoryNetwork
