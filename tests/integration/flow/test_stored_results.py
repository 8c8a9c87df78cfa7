"""A state that somebody wrote into Prefect names a pickle: the runbook's processes do not read it."""

import subprocess
import sys
from pathlib import Path

import pytest

READ = """
import sys
from pathlib import Path
from prefect._internal.result_records import ResultRecord, ResultRecordMetadata
from prefect.client.schemas.objects import State
from prefect.serializers import PickleSerializer

folder, kind, guarded = Path(sys.argv[1]), sys.argv[2], sys.argv[3]

class Evil:
    def __reduce__(self):
        return open, (str(folder / "trace"), "w")

told = ResultRecordMetadata(storage_key=str(folder / "result"), serializer=PickleSerializer())
(folder / "result").write_bytes(ResultRecord(result=Evil(), metadata=told).serialize())
if guarded == "guarded":
    from flows import results
    results.read_none()
State(type=kind, data=told).result(raise_on_failure=False, retry_result_failure=False)
"""


@pytest.mark.parametrize("kind", ["COMPLETED", "FAILED"])
@pytest.mark.attack(
    "api",
    "names a stored result that runs code when it is read",
    "no process of the runbook reads results that Prefect names",
)
def test_a_pickle_is_not_read(kind: str, tmp_path: Path) -> None:
    def read(guarded: str) -> "subprocess.CompletedProcess[str]":
        words = [sys.executable, "-c", READ, str(tmp_path), kind, guarded]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    done = read("guarded")
    assert "somebody wrote that into Prefect" in done.stderr, done.stderr
    assert not (tmp_path / "trace").exists()
    assert read("as Prefect does it").returncode == 0
    assert (tmp_path / "trace").exists(), "without the guard this test would see it"
