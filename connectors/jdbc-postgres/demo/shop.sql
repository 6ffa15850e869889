-- Catalog shop: products, and the orders of 2024 and 2025.
--
-- Arithmetic makes the rows, the same ones each time. The session's setting demo.orders
-- says how many orders there are.

CREATE SCHEMA catalogue;
CREATE SCHEMA sales;

-- One of 0 .. sides - 1, always the same for the same item and throw.
CREATE FUNCTION pg_temp.dice(item bigint, throw int, sides bigint) RETURNS bigint
IMMUTABLE PARALLEL SAFE LANGUAGE sql
AS 'SELECT (hashint8extended(item, throw) & 9223372036854775807) % sides';

CREATE TYPE catalogue.category AS ENUM ('kitchen', 'garden', 'office', 'travel', 'play');

CREATE TABLE catalogue.suppliers (
    id smallint PRIMARY KEY,
    name text NOT NULL,
    country char(2) NOT NULL,
    rating real
);

INSERT INTO catalogue.suppliers VALUES
    (1, 'Atelier Lefèvre', 'FR', 4.5),
    (2, 'Grünwald & Söhne', 'DE', 4.75),
    (3, 'Cerámica Núñez', 'ES', NULL),
    (4, 'Nordlys Bødker', 'DK', 3.25),
    (5, 'Fábrica do Tejo', 'PT', 4),
    (6, 'Žďár Glassworks', 'CZ', 3.5),
    (7, 'Lindqvist Trä', 'SE', NULL),
    (8, 'Bianchi e Figli', 'IT', 4.25);

CREATE TABLE catalogue.products (
    id int NOT NULL,
    sku uuid NOT NULL,
    name text NOT NULL,
    category catalogue.category NOT NULL,
    price numeric(8, 2) NOT NULL,
    weight_kg double precision,
    tags text[] NOT NULL,
    attributes jsonb,
    photo_md5 bytea,
    on_sale_since date NOT NULL,
    discontinued boolean NOT NULL,
    supplier_id smallint NOT NULL REFERENCES catalogue.suppliers
);

INSERT INTO catalogue.products
SELECT
    id,
    md5('sku ' || id)::uuid,
    concat_ws(', ', item, size, colour),
    category,
    round(price * size_percent / 100) + 0.90,
    CASE WHEN pg_temp.dice(id, 1, 20) > 0 THEN weight_kg * size_percent / 100 END,
    CASE pg_temp.dice(id, 2, 4)
        WHEN 0 THEN '{}'::text[]
        WHEN 1 THEN ARRAY['gift']
        WHEN 2 THEN ARRAY['gift', 'bestseller']
        ELSE ARRAY['made to order']
    END,
    CASE WHEN pg_temp.dice(id, 3, 10) > 0 THEN
        jsonb_build_object('colour', colour, 'size', size, 'boxes', 1 + pg_temp.dice(id, 4, 3))
    END,
    CASE WHEN pg_temp.dice(id, 5, 8) > 0 THEN decode(md5('photo ' || id), 'hex') END,
    date '2019-03-01' + pg_temp.dice(id, 6, 1700)::int,
    pg_temp.dice(id, 7, 25) = 0,
    1 + pg_temp.dice(id, 8, 8)
FROM (
    SELECT row_number() OVER (ORDER BY item COLLATE "C", size_percent, colour COLLATE "C")::int AS id, *
    FROM (VALUES
        ('Enamel teapot', 'kitchen'::catalogue.category, 34, 0.9),
        ('Crêpe pan', 'kitchen', 45, 1.6),
        ('Café mug', 'kitchen', 12, 0.35),
        ('Bread bin', 'kitchen', 39, 1.8),
        ('Pepper mill', 'kitchen', 28, 0.4),
        ('Salad bowl', 'kitchen', 31, 1.1),
        ('Watering can', 'garden', 24, 0.8),
        ('Lantern', 'garden', 29, 1.2),
        ('Plant pot', 'garden', 18, 2.4),
        ('Hammock', 'garden', 89, 2.1),
        ('Bird house', 'garden', 26, 1.3),
        ('Desk lamp', 'office', 64, 1.9),
        ('Notebook', 'office', 14, 0.3),
        ('Pen case', 'office', 19, 0.15),
        ('Wall clock', 'office', 49, 0.9),
        ('Étagère', 'office', 119, 7.5),
        ('Cabin bag', 'travel', 135, 2.7),
        ('Thermos flask', 'travel', 33, 0.5),
        ('Picnic rug', 'travel', 42, 1.2),
        ('Umbrella', 'travel', 27, 0.45),
        ('Building blocks', 'play', 37, 1.5),
        ('Piñata', 'play', 22, 0.6),
        ('Kite', 'play', 25, 0.35),
        ('Doll''s house', 'play', 95, 5.2)
    ) AS items (item, category, price, weight_kg)
    CROSS JOIN (VALUES ('small', 80), ('medium', 100), ('large', 130)) AS sizes (size, size_percent)
    CROSS JOIN unnest(ARRAY['sage', 'navy', 'ivory', 'rust', 'plum']) AS colours (colour)
) AS variants;

CREATE TABLE sales.order_lines (
    order_id bigint NOT NULL,
    line smallint NOT NULL,
    product_id int NOT NULL,
    quantity smallint NOT NULL,
    unit_price numeric(8, 2) NOT NULL,
    discount numeric(3, 2)
);

-- Some products sell far better than others.
INSERT INTO sales.order_lines
SELECT order_id, line, products.id, quantity, products.price, discount
FROM (
    SELECT
        order_id,
        line,
        1 + 7 * (
            pg_temp.dice(order_id, line, 10000) * pg_temp.dice(order_id, 100 + line, 10000)
            * 360 / 100000000
        ) % 360 AS product_id,
        1 + pg_temp.dice(order_id, 200 + line, 3) * pg_temp.dice(order_id, 300 + line, 2) AS quantity,
        CASE WHEN pg_temp.dice(order_id, 400 + line, 6) = 0 THEN
            0.05 * (1 + pg_temp.dice(order_id, 500 + line, 4))
        END AS discount
    FROM generate_series(1, current_setting('demo.orders')::int) AS order_id
    CROSS JOIN LATERAL generate_series(1, 1 + pg_temp.dice(order_id, 0, 7)::int) AS line
) AS lines
JOIN catalogue.products ON products.id = product_id;

CREATE TYPE sales.status AS ENUM ('open', 'packed', 'delivered', 'returned', 'cancelled');

CREATE TABLE sales.orders (
    id bigint NOT NULL,
    customer_id int NOT NULL,
    placed_at timestamptz NOT NULL,
    status sales.status NOT NULL,
    channel text NOT NULL,
    total numeric(10, 2) NOT NULL,
    gift boolean NOT NULL,
    coupon text,
    delivered_on date,
    note text
) PARTITION BY RANGE (placed_at);

DO $$
DECLARE
    quarter timestamptz := '2024-01-01 00:00:00+00';
BEGIN
    SET LOCAL TimeZone = 'UTC';
    WHILE quarter < '2026-01-01 00:00:00+00' LOOP
        EXECUTE format(
            'CREATE TABLE sales.%I PARTITION OF sales.orders FOR VALUES FROM (%L) TO (%L)',
            to_char(quarter, '"orders_"YYYY"q"Q'), quarter, quarter + interval '3 months'
        );
        quarter := quarter + interval '3 months';
    END LOOP;
END $$;

-- Orders get more frequent over the two years, and few are placed at night.
INSERT INTO sales.orders
SELECT
    id,
    customer_id,
    placed_at,
    status,
    CASE pg_temp.dice(id, 602, 10)
        WHEN 0 THEN 'phone' WHEN 1 THEN 'store' WHEN 2 THEN 'app' WHEN 3 THEN 'app' ELSE 'web'
    END,
    total,
    pg_temp.dice(id, 603, 9) = 0,
    CASE pg_temp.dice(id, 604, 12) WHEN 0 THEN 'WELCOME10' WHEN 1 THEN 'FRÜHLING' END,
    CASE WHEN status IN ('delivered', 'returned') THEN
        (placed_at AT TIME ZONE 'UTC')::date + 2 + pg_temp.dice(id, 605, 5)::int
    END,
    CASE pg_temp.dice(id, 606, 30)
        WHEN 0 THEN 'Please ring twice.'
        WHEN 1 THEN 'À laisser chez la voisine, merci !'
        WHEN 2 THEN 'Bitte nicht knicken.'
    END
FROM (
    SELECT
        *,
        CASE
            WHEN fate = 0 THEN 'cancelled'
            WHEN placed_at >= '2025-12-30 00:00:00+00' THEN 'open'
            WHEN placed_at >= '2025-12-28 00:00:00+00' THEN 'packed'
            WHEN fate = 1 THEN 'returned'
            ELSE 'delivered'
        END::sales.status AS status
    FROM (
        SELECT
            id,
            1 + pg_temp.dice(id, 600, 10000) * pg_temp.dice(id, 601, 10000)
            * (orders / 4) / 100000000 AS customer_id,
            timestamptz '2024-01-01 00:00:00+00' + interval '1 second' * (
                86400 * floor(731 * (elapsed + sqrt(elapsed)) / 2)
                + 3600 * hours[1 + pg_temp.dice(id, 607, 30)]
                + pg_temp.dice(id, 608, 3600)
            ) AS placed_at,
            pg_temp.dice(id, 609, 25) AS fate,
            total
        FROM (
            SELECT
                order_id AS id,
                sum(round(quantity * unit_price * (1 - coalesce(discount, 0)), 2)) AS total
            FROM sales.order_lines
            GROUP BY order_id
        ) AS totals
        CROSS JOIN (
            SELECT
                current_setting('demo.orders')::bigint AS orders,
                '{0,1,6,7,8,8,9,9,10,11,12,12,13,13,14,15,16,17,17,18,18,19,19,19,20,20,20,21,21,22}'
                ::int[] AS hours
        ) AS facts
        CROSS JOIN LATERAL (SELECT (id - 0.5)::float8 / orders AS elapsed) AS progress
    ) AS placed
) AS judged
ORDER BY placed_at;

ALTER TABLE catalogue.products ADD PRIMARY KEY (id);
ALTER TABLE sales.order_lines ADD PRIMARY KEY (order_id, line);
ALTER TABLE sales.orders ADD PRIMARY KEY (id, placed_at);
DROP SCHEMA IF EXISTS public;
-- Statistics of all rows, not of a sample: the splits are the same each time.
ALTER TABLE sales.order_lines ALTER order_id SET STATISTICS 2000;
ANALYZE;
