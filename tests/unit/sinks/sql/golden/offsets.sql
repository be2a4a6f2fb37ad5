SELECT "shop"."_hr_offsets"."topic", "shop"."_hr_offsets"."partition", "shop"."_hr_offsets"."next_offset", "shop"."_hr_offsets"."origin" 
FROM "shop"."_hr_offsets" 
WHERE "shop"."_hr_offsets"."pipeline" = $1
-- ('shop',)

SELECT coalesce(max("shop"."_hr_offsets"."epoch"), $1) + $2 AS anon_1 
FROM "shop"."_hr_offsets" 
WHERE "shop"."_hr_offsets"."pipeline" = $3
-- (0, 1, 'shop')

INSERT INTO "shop"."_hr_offsets" ("pipeline", "topic", "partition", "next_offset", "epoch", "owner", "attempts", "origin", "updated_at") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, now()), ($9, $10, $11, $12, $13, $14, $15, $16, now())
-- ('shop', 'orders', 0, 5, 0, '', 0, 'cluster/topic', 'shop', 'orders', 1, 0, 0, '', 0, 'cluster/topic')

UPDATE "shop"."_hr_offsets" SET "origin"=$1 WHERE "shop"."_hr_offsets"."pipeline" = $2 AND "shop"."_hr_offsets"."topic" = $3 AND "shop"."_hr_offsets"."origin" = $4
-- ('cluster/topic', 'shop', 'orders', '')

UPDATE "shop"."_hr_offsets" SET "epoch"=$1, "owner"=$2, "attempts"=CASE WHEN ("shop"."_hr_offsets"."owner" != $3 AND "shop"."_hr_offsets"."owner" != $4) THEN "shop"."_hr_offsets"."attempts" + $5 ELSE "shop"."_hr_offsets"."attempts" END, "updated_at"=now() FROM (VALUES ($6, $7), ($8, $9)) AS "taken" ("topic", "partition") WHERE "shop"."_hr_offsets"."pipeline" = $10 AND "shop"."_hr_offsets"."topic" = "taken"."topic" AND "shop"."_hr_offsets"."partition" = "taken"."partition" RETURNING "shop"."_hr_offsets"."topic", "shop"."_hr_offsets"."partition", "shop"."_hr_offsets"."next_offset", "shop"."_hr_offsets"."attempts"
-- (3, 'me', '', 'me', 1, 'orders', 0, 'orders', 1, 'shop')

UPDATE "shop"."_hr_offsets" SET "next_offset"="move"."upto", "attempts"=CASE WHEN ("move"."upto" > "move"."since") THEN $1 ELSE "shop"."_hr_offsets"."attempts" END, "updated_at"=now() FROM (VALUES ($2, $3, $4, $5), ($6, $7, $8, $9)) AS "move" ("topic", "partition", "since", "upto") WHERE "shop"."_hr_offsets"."pipeline" = $10 AND "shop"."_hr_offsets"."topic" = "move"."topic" AND "shop"."_hr_offsets"."partition" = "move"."partition" AND "shop"."_hr_offsets"."next_offset" = "move"."since" AND "shop"."_hr_offsets"."epoch" = $11 AND "shop"."_hr_offsets"."owner" != $12 RETURNING "shop"."_hr_offsets"."topic", "shop"."_hr_offsets"."partition"
-- (0, 'orders', 0, 5, 9, 'orders', 1, 0, 2, 'shop', 3, '')
