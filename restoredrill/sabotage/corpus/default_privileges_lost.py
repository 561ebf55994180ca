"""What new objects grant is lost."""

from restoredrill.sabotage.bench import Bench, Planted, Sabotage, without


def make(bench: Bench) -> Planted:
    return Planted(bench.copy_with(without(bench.entries("DEFAULT ACL")[:1])))


SABOTAGE = Sabotage("default privileges lost", ("GRANT_MISSING", "GRANT_DIFFERS"), make)
