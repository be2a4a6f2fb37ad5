COPY "shop"."orders" ("_hr_id", "select", "id"" int); drop table ""victim""; --%s:x $1") FROM STDIN WITH (FORMAT binary, ENCODING 'UTF8')

COPY "shop"."orders" ("_hr_id", "select", "id"" int); drop table ""victim""; --%s:x $1") FROM STDIN WITH (FORMAT csv, ENCODING 'UTF8')

INSERT INTO "_hr_file"."shop"."orders" ("_hr_id", "select", "id"" int); drop table ""victim""; --%s:x $1") SELECT "hr_incoming"."_hr_id", "hr_incoming"."select", "hr_incoming"."id"" int); drop table ""victim""; --%s:x $1" 
FROM "hr_incoming"

SELECT count(*) AS count_1 
FROM (SELECT 1 
FROM "shop"."orders" 
 LIMIT $1) AS counted
-- (1000000,)

SELECT 1 
FROM "shop"."orders" 
WHERE "shop"."orders"."id"" int); drop table ""victim""; --%s:x $1" NOT BETWEEN $1 AND $2 
 LIMIT $3
-- (-9007199254740992, 9007199254740992, 1)
