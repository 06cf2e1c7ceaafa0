"""network.toml: where the chain and the contracts are. Nothing secret; every clinic gets it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import tomli_w

from node.durable import write_whole
from node.errors import WrongUse
from node.ledger import Address, Network


@dataclass(frozen=True, slots=True)
class NetworkFile:
    """What network.toml says."""

    rpc: str
    network: Network


def save_network(path: Path, rpc: str, network: Network) -> None:
    """Write network.toml. Raises WrongUse when there is one."""
    if path.exists():
        raise WrongUse(f"{path} exists: contracts were deployed already; choose another --home")
    fields = {**asdict(network), "network_id": network.network_id.hex()}
    write_whole(path, tomli_w.dumps({"rpc": rpc, "network": fields}).encode())


def load_network(path: Path) -> NetworkFile:
    """Read network.toml. Raises WrongUse naming the file and what is wrong with it."""
    try:
        fields: dict[str, Any] = tomllib.loads(path.read_text())
        return NetworkFile(fields["rpc"], network_from(fields["network"]))
    except FileNotFoundError:
        raise WrongUse(f"{path} is missing: run `waggle authority deploy`, or ask for it") from None
    except KeyError as error:
        raise WrongUse(f"{path} can't be used: it lacks {error}") from None
    except (tomllib.TOMLDecodeError, TypeError, ValueError) as error:
        raise WrongUse(f"{path} can't be used: {error}") from None


def network_from(fields: Mapping[str, Any]) -> Network:
    """A network from its plain fields. Raises TypeError, KeyError, ValueError."""
    return Network(
        chain_id=int(fields["chain_id"]),
        registry=address_from(fields["registry"]),
        ledger=address_from(fields["ledger"]),
        network_id=bytes.fromhex(fields["network_id"]),
        deployed_block=int(fields["deployed_block"]),
        # Networks deployed before there were gossip runs have none.
        gossip=address_from(fields["gossip"]) if fields.get("gossip") else Address(""),
    )


def address_from(text: str) -> Address:
    """An address that somebody wrote, checksummed. Raises ValueError, TypeError."""
    # Here: commands that read no address start faster without it.
    from eth_utils.address import is_address, to_checksum_address

    if not is_address(text):
        raise ValueError(f"{text!r:.60} is no address: 0x and 40 hex digits")
    return Address(to_checksum_address(text))
