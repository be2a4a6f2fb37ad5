"""CSV as COPY reads it."""

import pyarrow as pa

from sinks.sql.postgres.csv_chunks import csv_chunks


def written(table: pa.Table) -> bytes:
    return b"".join(csv_chunks(table))


def test_null_is_nothing_and_empty_text_is_quoted() -> None:
    assert written(pa.table({"a": pa.array([None, ""]), "b": pa.array([1, None])})) == b',1\n"",\n'


def test_quotes_newlines_and_the_end_mark_stay_inside_quotes() -> None:
    assert written(pa.table({"a": ['say "hi"\n', "\\."]})) == b'"say ""hi""\n"\n"\\."\n'


def test_binaries_are_hex() -> None:
    assert written(pa.table({"a": pa.array([b"\x00\xff", b"", None])})) == b'"\\x00ff"\n"\\x"\n\n'


def test_doubles_keep_every_digit_and_the_values_that_are_no_numbers() -> None:
    values = [0.1, 5e-324, -0.0, float("nan"), float("-inf")]
    texts = written(pa.table({"a": pa.array(values)})).decode().split()
    assert [repr(float(text)) for text in texts] == [repr(value) for value in values]


def test_a_large_table_comes_in_pieces() -> None:
    assert len(list(csv_chunks(pa.table({"a": range(12_000)})))) == 3
