"""Who may import whom, and what users may import."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import waggle

ROOT = Path(__file__).parents[1]
PACKAGES = ("node", "authority", "sim")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
} | {"waggle": ROOT / "waggle.py"}


def imports(module):
    """All modules that a module imports, wherever in the file."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module


def importers(package):
    """Modules that import a package directly."""
    return {m for m in MODULES if any(name.split(".")[0] == package for name in imports(m))}


def test_the_layers_hold():
    """import-linter keeps its contracts in pyproject.toml."""
    # A process of its own: it sets up logging, and would silence every logger of this one.
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


SEAMS = {
    "web3": "node.chain",
    "libp2p": "node.p2p",
    "rlp": "authority.audit.passport.merkle",
    "trie": "authority.audit.passport.merkle",
}


@pytest.mark.parametrize(("package", "module"), SEAMS.items())
def test_one_module_behind_each_seam(package, module):
    """The rest of the code doesn't know which chain library or transport is used."""
    assert importers(package) == {module}


def test_nobody_imports_the_front_door():
    """waggle.py is assembled from the packages; import-linter can't see a single file."""
    assert importers("waggle") == set()


def test_production_doesnt_import_its_twins():
    """Modules for tests are imported by each other, and by the world, only."""
    twins = {m for m in MODULES if re.match(r"node\.testing", m)}
    users = {m for m in MODULES if twins & set(imports(m))} - twins
    assert {m for m in users if not m.startswith("sim.world.")} == set()


def test_the_public_names():
    """What a task file may import; more is a promise to keep."""
    assert sorted(waggle.__all__) == ["Data", "Site", "Task", "load_task", "main"]
    assert all(hasattr(waggle, name) for name in waggle.__all__)


def test_modules_say_what_they_are_for():
    """Every module with code in it starts with a docstring."""
    trees = {m: ast.parse(path.read_text()) for m, path in MODULES.items()}
    assert [m for m, tree in trees.items() if tree.body and not ast.get_docstring(tree)] == []
