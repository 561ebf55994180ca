"""Evidence for an auditor: signed reports, one archive of them, and a look at it that needs nothing else."""
