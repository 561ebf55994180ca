"""`restoredrill schema`: the JSON Schema of a file in `schedules/`, for editors and for CI."""

import click

from restoredrill import service_settings, settings
from restoredrill.cli import output
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command


@new_command
@click.option("--service", is_flag=True, help="Of `_service.yaml`.")
def command(context: Context, service: bool) -> Answer:
    """Print the JSON Schema of a file (draft 2020-12). It knows a file's shape; `validate` knows it all."""
    schema = service_settings.json_schema() if service else settings.json_schema()
    return Answer(schema, output.to_json(schema))
