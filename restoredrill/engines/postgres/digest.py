"""A table's content as one number: SQL that the server evaluates, so that no row leaves it.

The algorithm, `pg-row-chain/1`: columns sorted by the bytes of their names; each value is hashed by
PostgreSQL's seeded 64-bit hash (Jenkins' lookup3), seeded with the hash of the column before it, so that a
row's number depends on every value and on which column it is in. The table's digest is the exact sum over all
rows (128 bits): the order of rows does not matter, and two equal rows do not cancel out.

What is hashed is the text that COPY would write, save for types with a hash of their own that tells apart
whatever the text does and is cheaper: integers, booleans, uuid, bytea. Not used are `hash_record_extended`,
which is linear in the columns (a value swapped between two rows leaves the sum as it was), and the hashes
of numeric, float, bpchar and jsonb, to which 1.0 and 1.00, 0 and -0, trailing blanks, [[1],2] and [[1,2]]
are the same. NULL is hashed as a value drawn at random when this was written.

A change goes unseen with a chance of about 2^-64. That is meant for accidents: whoever may choose rows could
construct collisions; the SHA-256 of every stored object is what keeps a forger out. Both ends must have the
same endianness.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

ALGORITHM: Final = "pg-row-chain/1"

# A column by its type's OID (pg_type.dat; these never change), `value` being how the query names it.
# PostgreSQL folds a bigint into 32 bits before it hashes it; hashing its upper half as well makes it whole.
# bytea has no hash function before 18; an array of one element has that of its element.
_NULL = "no value: 5d8c0f3be1a94726"
_BIGINT_NULL = "5207186193483021193"
_NATIVE: Final[Mapping[int, str]] = {
    16: "hashint4extended(coalesce({value}::integer, 2), {seed})",
    17: f"hash_array_extended(ARRAY[coalesce({{value}}, '{_NULL}')], {{seed}})",
    20: f"hashint4extended((coalesce({{value}}, {_BIGINT_NULL}) >> 32)::integer,"
    f" hashint8extended(coalesce({{value}}, {_BIGINT_NULL}), {{seed}}))",
    21: "hashint4extended(coalesce({value}::integer, 1836311903), {seed})",
    23: "hashint4extended(coalesce({value}, 1836311903), {seed})",
    25: f"hashtextextended(coalesce({{value}}, '{_NULL}') COLLATE \"C\", {{seed}})",
    26: "hashoidextended(coalesce({value}, '3921773154'), {seed})",
    1043: f"hashtextextended(coalesce({{value}}, '{_NULL}') COLLATE \"C\", {{seed}})",
    2950: "uuid_hash_extended(coalesce({value}, '8d3f0c5e-71b4-4a96-9e27-c05d1b6fa348'), {seed})",
}
# concat() calls a type's output function, whatever casts there are, and skips NULL.
_OR_NULL: Final = f"CASE WHEN {{value}} IS NULL THEN '{_NULL}' END"
_AS_TEXT: Final = f'hashtextextended(concat({{value}}, {_OR_NULL}) COLLATE "C", {{seed}})'

# max_stack_depth bounds how deep calls may nest, and a function takes 100 arguments at most.
_COLUMNS_A_CHAIN: Final = 60


@dataclass(frozen=True)
class Column:
    """A column that holds data, and how a query names it."""

    name: str
    type_oid: int
    value: str


def row_hash(columns: Iterable[Column]) -> str:
    """The SQL expression for a row's number: a bigint, never NULL."""
    ordered = sorted(columns, key=lambda column: column.name.encode())
    chains = [_chain(ordered[at : at + _COLUMNS_A_CHAIN]) for at in range(0, len(ordered), _COLUMNS_A_CHAIN)]
    if len(chains) > 1:
        return f"hashtextextended(concat_ws(' ', {', '.join(chains)}) COLLATE \"C\", 0)"
    return chains[0] if chains else "0::bigint"


def in_hex(total: int) -> str:
    """A sum as a digest: 32 hex digits, in two's complement."""
    return f"{total % (1 << 128):032x}"


def _chain(columns: Iterable[Column]) -> str:
    seed = "0"
    for column in columns:
        seed = _NATIVE.get(column.type_oid, _AS_TEXT).format(value=column.value, seed=seed)
    return seed
