CREATE SCHEMA IF NOT EXISTS "_hr_file"."shop"

CREATE TABLE IF NOT EXISTS "_hr_file"."shop"."_hr_loads" (
	"load_id" VARCHAR NOT NULL, 
	"pipeline" VARCHAR NOT NULL, 
	"topic" VARCHAR NOT NULL, 
	"partition" BIGINT NOT NULL, 
	"start_offset" BIGINT NOT NULL, 
	"stop_offset" BIGINT NOT NULL, 
	"records" BIGINT NOT NULL, 
	"rows" BIGINT NOT NULL, 
	"rejected" BIGINT NOT NULL, 
	"skipped" BIGINT NOT NULL, 
	"holes" BIGINT NOT NULL, 
	"lost" BOOLEAN NOT NULL, 
	"status" VARCHAR NOT NULL, 
	"schema_version" BIGINT NOT NULL, 
	"epoch" BIGINT NOT NULL, 
	"owner" VARCHAR NOT NULL, 
	"committed_at" TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY ("load_id", "topic", "partition")
)

CREATE TABLE IF NOT EXISTS "_hr_file"."shop"."_hr_offsets" (
	"pipeline" VARCHAR NOT NULL, 
	"topic" VARCHAR NOT NULL, 
	"partition" BIGINT NOT NULL, 
	"next_offset" BIGINT NOT NULL, 
	"epoch" BIGINT NOT NULL, 
	"owner" VARCHAR NOT NULL, 
	"attempts" BIGINT NOT NULL, 
	"origin" VARCHAR NOT NULL, 
	"updated_at" TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY ("pipeline", "topic", "partition")
)

CREATE TABLE IF NOT EXISTS "_hr_file"."shop"."_hr_schemas" (
	"version" BIGINT NOT NULL, 
	"version_hash" VARCHAR NOT NULL, 
	"document" VARCHAR NOT NULL, 
	"pipeline" VARCHAR NOT NULL, 
	"created_at" TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY ("version")
)

CREATE TABLE IF NOT EXISTS "_hr_file"."shop"."_hr_state" (
	"pipeline" VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	"document" VARCHAR NOT NULL, 
	"updated_at" TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY ("pipeline", "key")
)

CREATE TABLE IF NOT EXISTS "_hr_file"."shop"."_hr_rejects" (
	"load_id" VARCHAR NOT NULL, 
	"pipeline" VARCHAR NOT NULL, 
	"topic" VARCHAR NOT NULL, 
	"partition" BIGINT NOT NULL, 
	"offset" BIGINT NOT NULL, 
	"timestamp" TIMESTAMP WITH TIME ZONE, 
	"key" BLOB, 
	"value" BLOB, 
	"reason" VARCHAR, 
	"error" VARCHAR, 
	"headers" VARCHAR, 
	"value_bytes" BIGINT, 
	"value_sha256" VARCHAR
)

CREATE TABLE IF NOT EXISTS "_hr_file"."shop"."_hr_watermarks" (
	"pipeline" VARCHAR NOT NULL, 
	"topic" VARCHAR NOT NULL, 
	"partition" BIGINT NOT NULL, 
	"event_time" TIMESTAMP WITH TIME ZONE NOT NULL, 
	"updated_at" TIMESTAMP WITH TIME ZONE NOT NULL, 
	PRIMARY KEY ("pipeline", "topic", "partition")
)
