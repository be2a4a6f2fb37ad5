SELECT "shop"."_hr_offsets"."topic", "shop"."_hr_offsets"."partition", "shop"."_hr_offsets"."next_offset", "shop"."_hr_offsets"."origin" 
FROM "shop"."_hr_offsets" 
WHERE "shop"."_hr_offsets"."pipeline" = $1
-- ('shop',)

SELECT coalesce(max("shop"."_hr_offsets"."epoch"), $1) + $2 AS anon_1 
FROM "shop"."_hr_offsets" 
WHERE "shop"."_hr_offsets"."pipeline" = $3
-- (0, 1, 'shop')

INSERT INTO "shop"."_hr_offsets" ("pipeline", "topic", "partition", "next_offset", "origin", "epoch", "owner", "attempts", "updated_at") SELECT $1 AS anon_1, "start"."topic", "start"."partition", "start"."next_offset", "start"."origin", $2 AS anon_2, $3 AS anon_3, $4 AS anon_4, now() AS now_1 
FROM (SELECT unnest(CAST($5 AS TEXT[])) AS "topic", unnest(CAST($6 AS BIGINT[])) AS "partition", unnest(CAST($7 AS BIGINT[])) AS "next_offset", unnest(CAST($8 AS TEXT[])) AS "origin") AS "start"
-- ('shop', 0, '', 0, ['orders', 'orders'], [0, 1], [5, 0], ['cluster/topic', 'cluster/topic'])

UPDATE "shop"."_hr_offsets" SET "origin"=$1 WHERE "shop"."_hr_offsets"."pipeline" = $2 AND "shop"."_hr_offsets"."topic" = $3 AND "shop"."_hr_offsets"."origin" = $4
-- ('cluster/topic', 'shop', 'orders', '')

UPDATE "shop"."_hr_offsets" SET "epoch"=$1, "owner"=$2, "attempts"=CASE WHEN ("shop"."_hr_offsets"."owner" != $3 AND "shop"."_hr_offsets"."owner" != $2) THEN "shop"."_hr_offsets"."attempts" + $4 ELSE "shop"."_hr_offsets"."attempts" END, "updated_at"=now() FROM (SELECT unnest(CAST($5 AS TEXT[])) AS "topic", unnest(CAST($6 AS BIGINT[])) AS "partition") AS "taken" WHERE "shop"."_hr_offsets"."pipeline" = $7 AND "shop"."_hr_offsets"."topic" = "taken"."topic" AND "shop"."_hr_offsets"."partition" = "taken"."partition" RETURNING "shop"."_hr_offsets"."topic", "shop"."_hr_offsets"."partition", "shop"."_hr_offsets"."next_offset", "shop"."_hr_offsets"."attempts"
-- (3, 'me', '', 1, ['orders', 'orders'], [0, 1], 'shop')

UPDATE "shop"."_hr_offsets" SET "next_offset"="move"."upto", "attempts"=CASE WHEN ("move"."upto" > "move"."since") THEN $1 ELSE "shop"."_hr_offsets"."attempts" END, "updated_at"=now() FROM (SELECT unnest(CAST($2 AS TEXT[])) AS "topic", unnest(CAST($3 AS BIGINT[])) AS "partition", unnest(CAST($4 AS BIGINT[])) AS "since", unnest(CAST($5 AS BIGINT[])) AS "upto") AS "move" WHERE "shop"."_hr_offsets"."pipeline" = $6 AND "shop"."_hr_offsets"."topic" = "move"."topic" AND "shop"."_hr_offsets"."partition" = "move"."partition" AND "shop"."_hr_offsets"."next_offset" = "move"."since" AND "shop"."_hr_offsets"."epoch" = $7 AND "shop"."_hr_offsets"."owner" != $8 RETURNING "shop"."_hr_offsets"."topic", "shop"."_hr_offsets"."partition"
-- (0, ['orders', 'orders'], [0, 1], [5, 0], [9, 2], 'shop', 3, '')
