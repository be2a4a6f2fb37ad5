CREATE TABLE "_hr_file"."shop"."orders" (
	"_hr_id" VARCHAR NOT NULL, 
	"text" VARCHAR, 
	"bigint" BIGINT, 
	"double" DOUBLE, 
	"bool" BOOLEAN, 
	"timestamp" TIMESTAMP WITH TIME ZONE, 
	"date" DATE, 
	"time" TIME, 
	"binary" BLOB, 
	"decimal" DECIMAL(38,9), 
	"json" JSON
)
