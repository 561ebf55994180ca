"""`restoredrill schema`: the JSON Schema of a file in `schedules/`, for editors and for CI."""

from restoredrill import settings
from restoredrill.cli import output
from restoredrill.cli.frame import Answer, Context
from restoredrill.cli.frame import command as new_command


@new_command
def command(context: Context) -> Answer:
    """Print the JSON Schema of a file (draft 2020-12). It knows a file's shape; `validate` knows it all."""
    schema = settings.json_schema()
    return Answer(schema, output.to_json(schema))
