CREATE TABLE "shop"."orders" (
	"id" bigint, 
	"at" timestamp with time zone
)

CREATE UNIQUE INDEX ON "shop"."orders" ("id")

CREATE INDEX ON "shop"."orders" ("at")

COMMENT ON COLUMN "shop"."orders"."id" IS E'who''s \\ who'

ALTER TABLE "shop"."orders" ADD COLUMN "late" text

COMMENT ON COLUMN "shop"."orders"."late" IS E'too late'
