"""What the pages show, as JSON, and what they can do: described by /api/openapi.json."""
