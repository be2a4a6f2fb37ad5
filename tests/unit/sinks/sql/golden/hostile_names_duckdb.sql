CREATE SCHEMA IF NOT EXISTS "id"" int); drop table ""victim""; --%s:x $1"

USE "_hr_file"."id"" int); drop table ""victim""; --%s:x $1"

CREATE TABLE "id"" int); drop table ""victim""; --%s:x $1"."id"" int); drop table ""victim""; --%s:x $1" (
	"id"" int); drop table ""victim""; --%s:x $1" VARCHAR
)

ALTER TABLE "id"" int); drop table ""victim""; --%s:x $1"."id"" int); drop table ""victim""; --%s:x $1" ADD COLUMN "id"" int); drop table ""victim""; --%s:x $1" VARCHAR

ALTER TABLE "id"" int); drop table ""victim""; --%s:x $1"."id"" int); drop table ""victim""; --%s:x $1" ALTER COLUMN "id"" int); drop table ""victim""; --%s:x $1" TYPE VARCHAR

ALTER TABLE "id"" int); drop table ""victim""; --%s:x $1"."id"" int); drop table ""victim""; --%s:x $1" ALTER COLUMN "id"" int); drop table ""victim""; --%s:x $1" DROP NOT NULL
