ALTER TABLE "_hr_file"."shop"."orders" ADD COLUMN "note" VARCHAR

ALTER TABLE "_hr_file"."shop"."orders" ALTER COLUMN "price" TYPE DECIMAL(20,4)

ALTER TABLE "_hr_file"."shop"."orders" ALTER COLUMN "price" DROP NOT NULL

ALTER TABLE "_hr_file"."shop"."orders" ALTER COLUMN "size" DROP NOT NULL
