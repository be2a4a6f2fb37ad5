ALTER TABLE "shop"."orders" ADD COLUMN "note" VARCHAR

ALTER TABLE "shop"."orders" ALTER COLUMN "price" TYPE DECIMAL(20,4)

ALTER TABLE "shop"."orders" ALTER COLUMN "price" DROP NOT NULL

ALTER TABLE "shop"."orders" ALTER COLUMN "size" DROP NOT NULL
