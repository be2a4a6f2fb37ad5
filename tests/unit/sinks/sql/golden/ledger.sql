SELECT pg_catalog.pg_namespace.nspname 
FROM pg_catalog.pg_namespace 
WHERE pg_catalog.pg_namespace.nspname = $1
-- ('shop',)

INSERT INTO "shop"."_hr_loads" ("load_id", "pipeline", "topic", "partition", "start_offset", "stop_offset", "records", "rows", "rejected", "skipped", "holes", "lost", "status", "schema_version", "epoch", "owner", "committed_at") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, now()), ($17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, now()) ON CONFLICT DO NOTHING RETURNING "shop"."_hr_loads"."load_id"
-- ('load-1', 'shop', 'orders', 0, 5, 9, 3, 2, 1, 0, 1, False, 'loaded', 1, 3, 'me', 'load-1', 'shop', 'orders', 1, 0, 2, 2, 2, 0, 0, 0, False, 'loaded', 1, 3, 'me')

SELECT "shop"."_hr_loads"."load_id" 
FROM "shop"."_hr_loads" 
WHERE "shop"."_hr_loads"."load_id" = $1 
 LIMIT $2
-- ('load-1', 1)

SELECT coalesce(max("shop"."_hr_schemas"."version"), $1) AS coalesce_1 
FROM "shop"."_hr_schemas"
-- (0,)

SELECT "shop"."_hr_schemas"."version", "shop"."_hr_schemas"."document" 
FROM "shop"."_hr_schemas" ORDER BY "shop"."_hr_schemas"."version" DESC 
 LIMIT $1
-- (1,)

INSERT INTO "shop"."_hr_schemas" ("version", "version_hash", "document", "pipeline", "created_at") VALUES ($1, $2, $3, $4, now())
-- (1, 'b14e569954629931819488ac8530139d41e65184057d567ea4ae31b489eb92ab', '{"engine":2,"tables":{}}', 'shop')

SELECT pg_advisory_xact_lock(CAST($1 AS BIGINT)) AS pg_advisory_xact_lock_1
-- (4015761341575623396,)

SELECT pg_advisory_xact_lock_shared(CAST($1 AS BIGINT)) AS pg_advisory_xact_lock_shared_1
-- (-4826358447716841345,)

SELECT pg_terminate_backend(pg_catalog.pg_stat_activity.pid) AS pg_terminate_backend_1 
FROM pg_catalog.pg_stat_activity, pg_catalog.pg_locks 
WHERE pg_catalog.pg_locks.pid = pg_catalog.pg_stat_activity.pid AND pg_catalog.pg_locks.locktype = $1 AND pg_catalog.pg_locks.granted AND CAST(pg_catalog.pg_locks.classid AS BIGINT) = $2 AND CAST(pg_catalog.pg_locks.objid AS BIGINT) = $3 AND pg_catalog.pg_locks.objsubid = $4 AND pg_catalog.pg_stat_activity.datname = current_database() AND pg_catalog.pg_stat_activity.usename = CURRENT_USER AND pg_catalog.pg_stat_activity.state = $5 AND pg_catalog.pg_stat_activity.wait_event = $6 AND CAST(current_setting($7) AS INTERVAL) > CAST($8 AS INTERVAL) AND pg_catalog.pg_stat_activity.query_start < clock_timestamp() - CAST(current_setting($7) AS INTERVAL)
-- ('advisory', 3171243152, 488753279, 1, 'active', 'ClientRead', 'statement_timeout', '0')
