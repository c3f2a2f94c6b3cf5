"""What every table has in common."""

from sqlalchemy import (
    JSON,
    Column,
    MetaData,
)

INSTALLATION = ""

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pk",
        "fk": "%(table_name)s_of_%(referred_table_name)s",
    }
)


def column(name: str, type_: type | JSON, *, optional: bool = False) -> Column[object]:
    return Column(name, type_, nullable=optional)


# JSON keeps the order of keys and every digit as written, which JSONB does not. None is NULL.
DOCUMENT = JSON(none_as_null=True)
