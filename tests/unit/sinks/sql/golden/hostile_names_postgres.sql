CREATE SCHEMA IF NOT EXISTS "id"" int); drop table ""victim""; --%s:x $1"

SET LOCAL search_path TO "id"" int); drop table ""victim""; --%s:x $1"

CREATE TABLE "id"" int); drop table ""victim""; --%s:x $1"."id"" int); drop table ""victim""; --%s:x $1" (
	"id"" int); drop table ""victim""; --%s:x $1" text
)

ALTER TABLE "id"" int); drop table ""victim""; --%s:x $1"."id"" int); drop table ""victim""; --%s:x $1" ADD COLUMN "id"" int); drop table ""victim""; --%s:x $1" text

ALTER TABLE "id"" int); drop table ""victim""; --%s:x $1"."id"" int); drop table ""victim""; --%s:x $1" ALTER COLUMN "id"" int); drop table ""victim""; --%s:x $1" TYPE text

ALTER TABLE "id"" int); drop table ""victim""; --%s:x $1"."id"" int); drop table ""victim""; --%s:x $1" ALTER COLUMN "id"" int); drop table ""victim""; --%s:x $1" DROP NOT NULL
