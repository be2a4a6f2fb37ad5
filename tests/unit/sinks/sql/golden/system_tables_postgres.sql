CREATE SCHEMA IF NOT EXISTS "shop"

CREATE TABLE IF NOT EXISTS "shop"."_hr_loads" (
	"load_id" text NOT NULL, 
	"pipeline" text NOT NULL, 
	"topic" text NOT NULL, 
	"partition" bigint NOT NULL, 
	"start_offset" bigint NOT NULL, 
	"stop_offset" bigint NOT NULL, 
	"records" bigint NOT NULL, 
	"rows" bigint NOT NULL, 
	"rejected" bigint NOT NULL, 
	"skipped" bigint NOT NULL, 
	"holes" bigint NOT NULL, 
	"lost" boolean NOT NULL, 
	"status" text NOT NULL, 
	"schema_version" bigint NOT NULL, 
	"epoch" bigint NOT NULL, 
	"owner" text NOT NULL, 
	"committed_at" timestamp with time zone NOT NULL, 
	PRIMARY KEY ("load_id", "topic", "partition")
)

CREATE TABLE IF NOT EXISTS "shop"."_hr_offsets" (
	"pipeline" text NOT NULL, 
	"topic" text NOT NULL, 
	"partition" bigint NOT NULL, 
	"next_offset" bigint NOT NULL, 
	"epoch" bigint NOT NULL, 
	"owner" text NOT NULL, 
	"attempts" bigint NOT NULL, 
	"origin" text NOT NULL, 
	"updated_at" timestamp with time zone NOT NULL, 
	PRIMARY KEY ("pipeline", "topic", "partition")
)

CREATE TABLE IF NOT EXISTS "shop"."_hr_schemas" (
	"version" bigint NOT NULL, 
	"version_hash" text NOT NULL, 
	"document" text NOT NULL, 
	"pipeline" text NOT NULL, 
	"created_at" timestamp with time zone NOT NULL, 
	PRIMARY KEY ("version")
)

CREATE TABLE IF NOT EXISTS "shop"."_hr_state" (
	"pipeline" text NOT NULL, 
	"key" text NOT NULL, 
	"document" text NOT NULL, 
	"updated_at" timestamp with time zone NOT NULL, 
	PRIMARY KEY ("pipeline", "key")
)

CREATE TABLE IF NOT EXISTS "shop"."_hr_rejects" (
	"load_id" text NOT NULL, 
	"pipeline" text NOT NULL, 
	"topic" text NOT NULL, 
	"partition" bigint NOT NULL, 
	"offset" bigint NOT NULL, 
	"timestamp" timestamp with time zone, 
	"key" bytea, 
	"value" bytea, 
	"reason" text, 
	"error" text, 
	"headers" text, 
	"value_bytes" bigint, 
	"value_sha256" text
)

CREATE TABLE IF NOT EXISTS "shop"."_hr_watermarks" (
	"pipeline" text NOT NULL, 
	"topic" text NOT NULL, 
	"partition" bigint NOT NULL, 
	"event_time" timestamp with time zone NOT NULL, 
	"updated_at" timestamp with time zone NOT NULL, 
	PRIMARY KEY ("pipeline", "topic", "partition")
)
