CREATE TABLE "shop"."orders" (
	"_hr_id" text NOT NULL, 
	"text" text, 
	"bigint" bigint, 
	"double" double precision, 
	"bool" boolean, 
	"timestamp" timestamp with time zone, 
	"date" date, 
	"time" time, 
	"binary" bytea, 
	"decimal" numeric(38,9), 
	"json" jsonb
)
