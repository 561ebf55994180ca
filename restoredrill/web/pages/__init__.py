"""The pages: one module each; what they show is gathered in a thread, as it asks history and vaults."""
