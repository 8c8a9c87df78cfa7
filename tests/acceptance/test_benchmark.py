"""The benchmark itself, at a size of no meaning: it must not rot between two runs of the real one."""

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import disk, study
from tests.acceptance.engine import unavailable

ROOT = Path(__file__).parents[2]


def test_one_command_measures_all_sides_and_writes_table_and_picture(tmp_path: Path) -> None:
    words = ["--sizes", "0.01:200", "--rounds", "1", "--folder", str(tmp_path), "--results", str(tmp_path / "results")]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "ROLLBACK_", "PREFECT_"))}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", *words], cwd=ROOT, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    measured = study.read(tmp_path / "results" / "results.json").measurements
    assert {"hand", "copy", "bare-copy"} <= {one.side for one in measured}
    assert all(0 < one.outage < one.total + 1 for one in measured)
    assert all(one.parts["transaction"] > 0 for one in measured if one.side != "hand")
    ElementTree.parse(tmp_path / "results" / "outage.svg")
    page = (tmp_path / "results" / "results.md").read_text()
    assert "| 0.01 GB |" in page
    # Where it was measured is nobody's business.
    assert str(tmp_path) not in page
    assert socket.gethostname() not in page
    assert [path.name for path in tmp_path.iterdir()] == ["results"], "something was left behind"


@pytest.mark.system
def test_the_image_shares_blocks_and_is_gone_afterwards() -> None:
    if os.geteuid() != 0 or not shutil.which("mkfs.xfs"):
        unavailable("an XFS image can be mounted by root only, with mkfs.xfs (make test-system installs it)")
    with disk.lent(None, 1) as place:
        assert place.clones
        assert os.path.ismount(place.folder)
        (place.folder / "one").mkdir()
        disk.copy(place.folder / "one", place.folder / "two")
        assert (place.folder / "two").is_dir()
    assert not place.folder.parent.exists()
