"""How long a plan takes, with and without the trial on a copy of the schema: python -m benchmarks.plan_time."""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cluster, filling, table
from benchmarks.filling import Size
from runbook import database, settings
from runbook.planning import plan
from runbook.request import PlanRequest

RESULTS = Path(__file__).parent / "results" / "plan.md"
TABLES = (0, 100, 300, 1000)
"""How many tables of the team's own stand beside the demo's."""
HEAD = """# The plan's time

Written by `python -m benchmarks.plan_time`. The plan of a rollback from the first query to the last, with the trial
of the transaction on a copy of the schema and without it (`ROLLBACK_TRIAL_SECONDS=0`), turn by turn on the same
database. Tables of the team's own have a key, a foreign key to `users`, two indexes and a comment each. A cell holds
the median of the rounds, and in brackets the smallest and the largest; ratios are taken within a round.

"""


@dataclass(frozen=True)
class Measured:
    """One round: seconds of a plan with its trial, without one, and of the trial alone."""

    tried: float
    untried: float
    trial: float


def main() -> None:
    """Measure, and write the table."""
    options = _arguments()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        made = filling.make(Path(folder) / "data", Size(0.01, 200))
        with cluster.running(made.data, cluster.PRODUCTION):
            there = 0
            for wanted in options.tables:
                _add_tables(there, wanted)
                there = wanted
                rows.append(_row(wanted, [_round(turn) for turn in range(options.rounds)]))
    header = ["tables beside the demo's", "plan with its trial", "plan without", "with ÷ without", "the trial itself"]
    options.results.write_text(HEAD + table.table(header, rows), encoding="utf-8")


def _add_tables(there: int, wanted: int) -> None:
    with closing(database.connect()) as conn, conn.transaction():
        for number in range(there, wanted):
            name = f"team_table_{number}"
            conn.execute(
                f"""CREATE TABLE {name} (id uuid PRIMARY KEY, owner uuid REFERENCES users, note text, at timestamptz);
                    CREATE INDEX ON {name} (owner); CREATE INDEX ON {name} (at) WHERE note IS NOT NULL;
                    COMMENT ON TABLE {name} IS 'table number {number}'""".encode()
            )


def _round(turn: int) -> Measured:
    """Draw the plan in both ways; each round another one goes first."""
    found = dict(_drawn(seconds) for seconds in (("60", "0") if turn % 2 else ("0", "60")))
    (tried, trial), (untried, _) = found["60"], found["0"]
    return Measured(tried, untried, trial)


def _drawn(seconds: str) -> tuple[str, tuple[float, float]]:
    with _limited(seconds), closing(database.connect()) as conn:
        began = time.monotonic()
        drawn = plan.draw(conn, PlanRequest(), settings.load(), own=[conn.info.backend_pid])
        took = time.monotonic() - began
    if drawn.trial is None or bool(drawn.trial.not_tried) is (seconds != "0"):
        raise SystemExit(f"The plan was not tried as it should be: {drawn.trial}")
    return seconds, (took, drawn.trial.seconds)


@contextmanager
def _limited(seconds: str) -> Iterator[None]:
    with cluster.pointed({"ROLLBACK_TRIAL_SECONDS": seconds}):
        yield


def _row(tables: int, rounds: Sequence[Measured]) -> list[str]:
    return [
        f"{tables:,}",
        _cell([one.tried for one in rounds], " s"),
        _cell([one.untried for one in rounds], " s"),
        _cell([one.tried / one.untried for one in rounds], ""),
        _cell([one.trial for one in rounds], " s"),
    ]


def _cell(values: Sequence[float], unit: str) -> str:
    return f"{statistics.median(values):.2f}{unit} ({min(values):.2f} to {max(values):.2f})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plan_time", description=__doc__)
    parser.add_argument("--tables", nargs="+", type=int, default=list(TABLES), help="how many tables beside the demo's")
    parser.add_argument("--rounds", type=int, default=5, help="how often each plan is drawn (5)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write (benchmarks/results/plan.md)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
