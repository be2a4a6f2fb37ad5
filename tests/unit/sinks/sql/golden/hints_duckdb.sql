CREATE TABLE "_hr_file"."shop"."orders" (
	"id" BIGINT, 
	"at" TIMESTAMP WITH TIME ZONE
)

COMMENT ON COLUMN "_hr_file"."shop"."orders"."id" IS E'who''s \\ who'

ALTER TABLE "_hr_file"."shop"."orders" ADD COLUMN "late" VARCHAR

COMMENT ON COLUMN "_hr_file"."shop"."orders"."late" IS E'too late'
