"""A node's own work in a round: train, promise, merge. In a worker; on disk before it counts."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from node import seeds
from node.blobs import Blobs
from node.commitment import Claims, commitment, rounded_weight
from node.database import OwnUpdate
from node.digest import Digest
from node.errors import BadUpdate, Damaged, LostBlob, Unfit
from node.gossip.merging import merge_neighbours
from node.header import UpdateMark
from node.ledger import Commit, Reveal, is_gossip
from node.merging import merge_round
from node.receipt import Receipt
from node.seams import Rules, Seams
from node.state import Attestation, Round, Run
from node.train import TrainingFailed, exact
from node.verify import Claimed, VerifiedUpdate, verify
from node.weights import arrays, keep

log = logging.getLogger(__name__)


class Worker:
    """What a member does by itself in one run."""

    def __init__(self, seams: Seams, rules: Rules, member: int) -> None:
        self._seams, self._rules, self._member = seams, rules, member

    async def promised(self, round_: Round) -> tuple[OwnUpdate | None, str]:
        """The update written down for a round before a restart; or why it can't be used any more."""
        return await self._seams.offload(self._promised, round_)

    async def promises_from(self, run: Run) -> int:
        """The first round in which this node may promise, by its first look at the run."""
        unopened = run.rounds[-1].number + 1 if run.rounds else 0
        return await self._seams.offload(self._seams.database.promises_from, run.number, unopened)

    async def train(self, round_: Round) -> tuple[OwnUpdate | None, str]:
        """Train from the base and write the update down; or say why there is none."""
        try:
            return await self._seams.offload(self._train, round_), ""
        except (TrainingFailed, BadUpdate) as error:
            log.error("round %d: no update from this node: %s", round_.number, error)
            return None, str(error)

    async def merge(
        self, run: Run, round_: Round, updates: Sequence[VerifiedUpdate]
    ) -> tuple[Attestation | None, str]:
        """Merge the inputs and keep model and receipt; or say why that can't be."""
        try:
            return await self._seams.offload(self._merge, run, round_, updates), ""
        except Unfit as error:
            log.error("round %d: no merge: %s", round_.number, error)
            return None, str(error)

    def commit(self, round_: Round, update: OwnUpdate) -> Commit:
        """The call that promises an update."""
        promise = commitment(
            self._seams.ledger.network,
            self._rules.run,
            round_.number,
            round_.base,
            self._member,
            update.digest,
            update.claims,
            self._salt(round_),
        )
        return Commit(self._rules.run, round_.number, promise, update.claims.privacy)

    def reveal(self, round_: Round, update: OwnUpdate) -> Reveal:
        """The call that opens the promise."""
        claims, salt = update.claims, self._salt(round_)
        return Reveal(
            self._rules.run, round_.number, update.digest, claims.weight, claims.privacy, salt
        )

    def _salt(self, round_: Round) -> bytes:
        network, run = self._seams.ledger.network, self._rules.run
        return self._seams.entropy.salt(network, run, round_.number, round_.base, self._member)

    def _promised(self, round_: Round) -> tuple[OwnUpdate | None, str]:
        run = self._rules.run
        update = self._seams.database.own_update(run, round_.number, round_.base)
        try:
            if update is not None:
                whole(self._seams.blobs, update.digest)
        except LostBlob as loss:
            # Never a second update for one base: the first may have been committed.
            log.error("round %d: the update that this node promised is lost: %s", round_.number, loss)
            return None, str(loss)
        return update, ""

    def _train(self, round_: Round) -> OwnUpdate:
        run, blobs = self._rules.run, self._seams.blobs
        digest, samples = self._fit(round_)
        claimed = Claimed(run, round_.number, self._member, digest)
        verify(self._rules.manifest, self._rules.layout, claimed, blobs.view(digest))
        update = OwnUpdate(digest, Claims(rounded_weight(samples)))
        return self._seams.database.promise(run, round_.number, round_.base, update)

    def _fit(self, round_: Round) -> tuple[Digest, int]:
        """The trained model, on disk and no longer in memory, and the patients it was trained on."""
        base = arrays(whole(self._seams.blobs, round_.base))
        seed = seeds.derive(self._rules.manifest.seed, "train", round_.number, self._member)
        trained = self._seams.trainer.fit(base, seed)
        nonce = self._seams.entropy.nonce(self._rules.run, round_.number, self._member)
        mark = UpdateMark(self._rules.run, round_.number, self._member, nonce)
        return keep(self._seams.blobs, trained.tensors, mark), trained.samples

    def _merge(self, run: Run, round_: Round, updates: Sequence[VerifiedUpdate]) -> Attestation:
        blobs, gossip = self._seams.blobs, is_gossip(run.number)
        base = () if gossip else (round_.base,)  # that of a gossip run's past may be lost for good
        for needed in (*base, *(update.digest for update in updates)):
            whole(blobs, needed)
        exact()
        receipt = self._merged(run, round_, updates)
        inputs = sum(run.bit(one.member) for one in receipt.inputs) if gossip else 0
        return Attestation(receipt.output, blobs.put(receipt.to_bytes()), inputs)

    def _merged(self, run: Run, round_: Round, updates: Sequence[VerifiedUpdate]) -> Receipt:
        network_id, rules = self._seams.ledger.network.network_id, self._rules
        given = (self._seams.blobs, network_id, run, round_, rules.manifest, rules.rule, updates)
        return merge_neighbours(*given, self._member) if is_gossip(run.number) else merge_round(*given)


def whole(blobs: Blobs, digest: Digest) -> memoryview:
    """A blob's content, checked. Raises LostBlob; a damaged one is dropped first."""
    try:
        blobs.outline(digest)
        return blobs.view(digest)
    except Damaged as damage:
        blobs.drop(digest)
        raise LostBlob(str(damage)) from None
    except KeyError:
        blobs.drop(digest)
        raise LostBlob(f"blob {digest.short} is gone from this node's disk") from None
