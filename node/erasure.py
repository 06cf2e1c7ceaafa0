"""Deleting a blob on purpose, and saying so: the audit then tells erasure from loss and tampering.

The digest stays on the chain; an update's nonce keeps it from being guessed. What is left beside the
blobs is a note of when and why.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from node.digest import Digest
from node.durable import disk_faults, sync_folder, write_whole
from node.words import one_line

LONGEST = 200
"""Characters of a reason."""


def erase(blobs: Path, digest: Digest, because: str, now: datetime) -> bool:
    """Delete a blob from a folder of blobs, after noting so; whether it was there.

    because: up to LONGEST characters for whoever audits. Raises DiskFull, WrongUse.
    """
    note = {"erased": now.astimezone(UTC).date().isoformat(), "because": because[:LONGEST]}
    write_whole(_note(blobs, digest), json.dumps(note).encode())
    with disk_faults(blobs):
        there = (blobs / digest.hex).exists()
        (blobs / digest.hex).unlink(missing_ok=True)
        sync_folder(blobs)
    return there


def erasure(blobs: Path, digest: Digest) -> str:
    """When and why a blob was erased from a folder, in words; empty without a note."""
    try:
        note = json.loads(_note(blobs, digest).read_text()[: 10 * LONGEST])
        when, why = str(note["erased"]), str(note["because"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""
    said = f"on {when}, because: {why}" if why else f"on {when}"
    return one_line(said)[: 2 * LONGEST]


def _note(blobs: Path, digest: Digest) -> Path:
    return blobs / f".erased-{digest.hex}"
