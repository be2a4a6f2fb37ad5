INSERT INTO "shop"."_hr_loads" ("load_id", "pipeline", "topic", "partition", "start_offset", "stop_offset", "records", "rows", "rejected", "skipped", "holes", "lost", "status", "schema_version", "epoch", "owner", "committed_at") SELECT "did"."load_id", "did"."pipeline", "did"."topic", "did"."partition", "did"."start_offset", "did"."stop_offset", "did"."records", "did"."rows", "did"."rejected", "did"."skipped", "did"."holes", "did"."lost", "did"."status", "did"."schema_version", "did"."epoch", "did"."owner", now() AS now_1 
FROM (SELECT unnest(CAST($1 AS TEXT[])) AS "load_id", unnest(CAST($2 AS TEXT[])) AS "pipeline", unnest(CAST($3 AS TEXT[])) AS "topic", unnest(CAST($4 AS BIGINT[])) AS "partition", unnest(CAST($5 AS BIGINT[])) AS "start_offset", unnest(CAST($6 AS BIGINT[])) AS "stop_offset", unnest(CAST($7 AS BIGINT[])) AS "records", unnest(CAST($8 AS BIGINT[])) AS "rows", unnest(CAST($9 AS BIGINT[])) AS "rejected", unnest(CAST($10 AS BIGINT[])) AS "skipped", unnest(CAST($11 AS BIGINT[])) AS "holes", unnest(CAST($12 AS BOOLEAN[])) AS "lost", unnest(CAST($13 AS TEXT[])) AS "status", unnest(CAST($14 AS BIGINT[])) AS "schema_version", unnest(CAST($15 AS BIGINT[])) AS "epoch", unnest(CAST($16 AS TEXT[])) AS "owner") AS "did" ON CONFLICT DO NOTHING RETURNING "shop"."_hr_loads"."load_id"
-- (['load-1', 'load-1'], ['shop', 'shop'], ['orders', 'orders'], [0, 1], [5, 0], [9, 2], [3, 2], [2, 2], [1, 0], [0, 0], [1, 0], [False, False], ['loaded', 'loaded'], [1, 1], [3, 3], ['me', 'me'])

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

SELECT pg_terminate_backend("pg_catalog".pg_stat_activity.pid) AS pg_terminate_backend_1 
FROM "pg_catalog".pg_stat_activity, "pg_catalog".pg_locks 
WHERE "pg_catalog".pg_locks.pid = "pg_catalog".pg_stat_activity.pid AND "pg_catalog".pg_locks.locktype = $1 AND "pg_catalog".pg_locks.granted AND CAST("pg_catalog".pg_locks.classid AS BIGINT) = $2 AND CAST("pg_catalog".pg_locks.objid AS BIGINT) = $3 AND "pg_catalog".pg_locks.objsubid = $4 AND "pg_catalog".pg_stat_activity.datname = current_database() AND "pg_catalog".pg_stat_activity.usename = CURRENT_USER AND "pg_catalog".pg_stat_activity.state = $5 AND "pg_catalog".pg_stat_activity.wait_event = $6 AND CAST(current_setting($7) AS INTERVAL) > CAST($8 AS INTERVAL) AND "pg_catalog".pg_stat_activity.query_start < clock_timestamp() - CAST(current_setting($7) AS INTERVAL)
-- ('advisory', 3171243152, 488753279, 1, 'active', 'ClientRead', 'statement_timeout', '0')
