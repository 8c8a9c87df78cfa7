"""The console script ``rollback``."""

from cyclopts import App

app = App(name="rollback", help="Take the DigitalTwin transformation back.")


def main() -> None:
    """Run the console script."""
    app()
