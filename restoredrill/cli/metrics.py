"""`restoredrill metrics`: what Prometheus may ask, its alert rules, and a dashboard for Grafana."""

from importlib import resources

import click

from restoredrill import clock
from restoredrill.cli import histories
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command
from restoredrill.configuration import Configuration
from restoredrill.errors import ToolMissing, UsageError


@new_command
@click.option("--alert-rules", is_flag=True, help="Print rules for Prometheus's alerting.")
@click.option("--dashboard", is_flag=True, help="Print a dashboard for Grafana.")
def command(context: Context, alert_rules: bool, dashboard: bool) -> Answer:
    """Print the metrics of the history as Prometheus reads them; `serve` has the same at /metrics."""
    if alert_rules and dashboard:
        raise UsageError("print", "both files", "one at a time", hint="call it twice")
    if alert_rules or dashboard:
        text = shipped("alerts.yaml" if alert_rules else "dashboard.json")
        return Answer({"text": text}, text.rstrip("\n"))
    try:
        from restoredrill.cli.serving.looking import look
        from restoredrill.metrics.prometheus import render
    except ModuleNotFoundError as error:
        hint = "pip install 'restoredrill[serve]'"
        raise ToolMissing("import", str(error.name), "it is not installed", hint=hint) from error
    loaded = Configuration(context.schedules).current
    with histories.opened(loaded.service.history) as history:
        text = render(look(history, loaded, clock.utcnow()))[0].decode()
    return Answer({"metrics": text}, text.rstrip("\n"))


def shipped(name: str) -> str:
    """A file that comes with the package."""
    return resources.files("restoredrill.metrics").joinpath(name).read_text(encoding="utf-8")
