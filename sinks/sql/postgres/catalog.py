"""What `pg_catalog` knows of a dataset. `information_schema` hides whatever belongs to another role."""

from __future__ import annotations

from typing import Final

from sinks.sql.statement import Statement

_TABLES: Final = """
SELECT c.relname::text,
       c.relkind IN ('r', 'p', 'f'),
       pg_catalog.pg_get_userbyid(c.relowner)::text,
       pg_catalog.has_table_privilege(c.oid, 'INSERT') AND pg_catalog.has_table_privilege(c.oid, 'SELECT'),
       pg_catalog.row_security_active(c.oid),
       coalesce((SELECT string_agg(t.tgname::text, ', ' ORDER BY t.tgname)
                 FROM pg_catalog.pg_trigger t
                 WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'), '')
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f', 'v', 'm')
""".strip()

# Digits of a numeric as `information_schema._pg_numeric_precision` and `_scale` read them.
_COLUMNS: Final = """
SELECT c.relname::text,
       a.attname::text,
       pg_catalog.format_type(a.atttypid, NULL),
       CASE WHEN a.atttypmod > 4 THEN ((a.atttypmod - 4) >> 16) & 65535 END,
       CASE WHEN a.atttypmod > 4 THEN (a.atttypmod - 4) & 2047 END,
       NOT a.attnotnull,
       a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'f') AND a.attnum > 0 AND NOT a.attisdropped
""".strip()

# A plain B-tree is rebuilt for the new type (ours are of that kind); of any other index nobody knows.
_DEPENDENTS: Final = """
SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid)
FROM pg_catalog.pg_depend d
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint k ON d.classid = 'pg_catalog.pg_constraint'::regclass AND k.oid = d.objid
LEFT JOIN pg_catalog.pg_index i ON d.classid = 'pg_catalog.pg_class'::regclass AND i.indexrelid = d.objid
LEFT JOIN pg_catalog.pg_class ic ON ic.oid = i.indexrelid
LEFT JOIN pg_catalog.pg_am m ON m.oid = ic.relam
WHERE d.refclassid = 'pg_catalog.pg_class'::regclass
  AND n.nspname = $1 AND c.relname = $2 AND a.attname = $3
  AND coalesce(k.contype, '-') NOT IN ('n', 'p', 'u')
  AND NOT coalesce(m.amname = 'btree' AND i.indexprs IS NULL AND i.indpred IS NULL, false)
UNION
SELECT 'the parent of table ' || c.relname
FROM pg_catalog.pg_attribute a
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND a.attname = $3 AND a.attinhcount > 0
""".strip()


_MISSING_RIGHTS: Final = """
SELECT 'the server is a standby: name its primary' WHERE pg_catalog.pg_is_in_recovery()
UNION ALL
SELECT 'transactions are read-only for this user: ALTER ROLE ' || pg_catalog.quote_ident(current_user)
    || ' RESET default_transaction_read_only'
WHERE pg_catalog.current_setting('default_transaction_read_only') = 'on' AND NOT pg_catalog.pg_is_in_recovery()
UNION ALL
SELECT 'may not create schemas: GRANT CREATE ON DATABASE ' || pg_catalog.quote_ident(current_database()) || ' TO '
    || pg_catalog.quote_ident(current_user) || ', or create schema ' || pg_catalog.quote_ident($1) || ' for it'
WHERE NOT EXISTS (SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1)
  AND NOT pg_catalog.has_database_privilege(current_database(), 'CREATE')
UNION ALL
SELECT 'may not ' || lower(p) || ' in schema ' || pg_catalog.quote_ident($1) || ': GRANT ' || p || ' ON SCHEMA '
    || pg_catalog.quote_ident($1) || ' TO ' || pg_catalog.quote_ident(current_user)
FROM pg_catalog.pg_namespace n, unnest(ARRAY['USAGE', 'CREATE']) p
WHERE n.nspname = $1 AND NOT pg_catalog.has_schema_privilege(n.oid, p)
UNION ALL
SELECT 'may not make temporary tables, which merging needs: GRANT TEMPORARY ON DATABASE '
    || pg_catalog.quote_ident(current_database()) || ' TO ' || pg_catalog.quote_ident(current_user)
WHERE NOT pg_catalog.has_database_privilege(current_database(), 'TEMPORARY')
UNION ALL
SELECT 'table ' || c.relname || ' belongs to ' || pg_catalog.pg_get_userbyid(c.relowner)
    || ', so its columns cannot be changed: ALTER TABLE ... OWNER TO ' || pg_catalog.quote_ident(current_user)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')
UNION ALL
SELECT 'may not ' || string_agg(lower(p), ', ') || ' in table ' || c.relname || ': GRANT ' || string_agg(p, ', ')
    || ' ON it TO ' || pg_catalog.quote_ident(current_user)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace,
     unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') AND NOT pg_catalog.has_table_privilege(c.oid, p)
GROUP BY c.relname
""".strip()


class PostgresCatalog:
    """The questions to `pg_catalog`; see `sinks.sql.catalog.Catalog`."""

    def dataset_exists(self, dataset: str) -> Statement:
        """Return the query that gives a row when the schema is there."""
        return Statement("SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1", (dataset,))

    def tables(self, dataset: str) -> Statement:
        """Return the query for all relations of a dataset."""
        return Statement(_TABLES, (dataset,))

    def columns(self, dataset: str) -> Statement:
        """Return the query for all columns of a dataset's tables."""
        return Statement(_COLUMNS, (dataset,))

    def dependents(self, dataset: str, table: str, column: str) -> Statement:
        """Return the query for what depends on a column."""
        return Statement(_DEPENDENTS, (dataset, table, column))

    def missing_rights(self, dataset: str) -> Statement:
        """Return the query for what this user may not do, each with the statement that grants it."""
        return Statement(_MISSING_RIGHTS, (dataset,))
