"""What Alembic runs: in the transaction of whoever opens the history, so that it happens wholly or not at
all.
"""

from alembic import context

from restoredrill.history import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.VERSION_TABLE,
)
context.run_migrations()
