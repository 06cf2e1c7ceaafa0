"""`waggle predict` and `waggle export`: what the finalized model is for."""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import click

from node.blobs import DiskBlobs
from node.config import Home, load_config
from node.digest import Digest
from node.errors import BadAnswer, Damaged, WaggleError, WrongUse
from node.progress import read_progress
from sim.folder import RunFolder

FOLDER = click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))


@dataclass(frozen=True, slots=True)
class FinalModel:
    """The model finalized last, as a folder's nodes know it. task: a name or a path."""

    run: int
    round: int
    digest: Digest
    network_id: bytes
    task: str
    view: memoryview


@click.command()
@FOLDER
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), required=True)
def export(folder: Path, out: Path) -> None:
    """Write the finalized model as a safetensors file; run, round and digest are in its header.

    \b
    Example:
      waggle export runs/wdbc-1 --out model.safetensors
    """
    from safetensors.numpy import save

    from node.durable import write_whole
    from node.weights import arrays

    if out.exists():
        raise WrongUse(f"{out} exists: choose another --out, or remove it first")
    model = final_model(folder)
    facts = {
        "network": model.network_id.hex(),
        "run": str(model.run),
        "round": str(model.round),
        "digest": model.digest.hex,
        "task": Path(model.task).stem,
    }
    write_whole(out, save(dict(arrays(model.view)), facts))
    click.echo(f"{out}: run {model.run}, round {model.round}, digest {model.digest.hex}")


@click.command()
@FOLDER
@click.option("--input", "rows", type=click.Path(path_type=Path, dir_okay=False), required=True)
def predict(folder: Path, rows: Path) -> None:
    """Apply the finalized model to the rows of a CSV file; the answers are CSV, too.

    \b
    Example:
      waggle predict runs/wdbc-1 --input rows.csv
    """
    from node.predict import predict as apply
    from node.task import load_task
    from node.weights import arrays

    model = final_model(folder)
    answers = csv.writer(sys.stdout)
    found = apply(load_task(model.task), arrays(model.view), rows)
    answers.writerow(["row", "prediction"])
    answers.writerows((number, one.label) for number, one in enumerate(found, 1))


def final_model(folder: Path) -> FinalModel:
    """The model of a run's folder or a node's home. Raises WrongUse, BadAnswer, Damaged."""
    homes = RunFolder(folder).homes() if RunFolder(folder).file.exists() else [Home(folder)]
    fault: WaggleError | None = None
    for home in homes:
        try:
            if (found := _model_at(home)) is not None:
                return found
        except (WrongUse, Damaged) as error:  # one of several homes: another may have it
            fault = fault or error
    raise fault or BadAnswer(f"{folder} has no finalized model yet: see `waggle status {folder}`")


def _model_at(home: Home) -> FinalModel | None:
    """What one home has. Raises WrongUse, Damaged."""
    config, facts = load_config(home), read_progress(home.status)
    if facts.get("model_round") is None:
        return None
    blobs = DiskBlobs(home.blobs)
    try:
        digest = Digest.from_hex(facts["model"])
        blobs.outline(digest)
    except ValueError:
        return None
    except KeyError:
        raise Damaged(
            f"the model {digest.short} is gone from {home.blobs}: another node's home may have it"
        ) from None
    return FinalModel(
        facts.get("run", 0),
        facts["model_round"],
        digest,
        config.network.network_id,
        config.task,
        blobs.view(digest),
    )
