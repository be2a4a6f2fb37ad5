ALTER TABLE "shop"."orders" ADD COLUMN "note" text

ALTER TABLE "shop"."orders" ALTER COLUMN "price" TYPE numeric(20,4)

ALTER TABLE "shop"."orders" ALTER COLUMN "price" DROP NOT NULL

ALTER TABLE "shop"."orders" ALTER COLUMN "size" DROP NOT NULL
