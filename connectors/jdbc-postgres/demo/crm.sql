-- Catalog crm: the shop's customers, and what they wrote to its support.
--
-- Arithmetic makes the rows, the same ones each time. The session's setting demo.orders
-- says how many orders the shop has; it has a customer for every fourth order.

CREATE SCHEMA people;
CREATE SCHEMA support;

-- One of 0 .. sides - 1, always the same for the same item and throw.
CREATE FUNCTION pg_temp.dice(item bigint, throw int, sides bigint) RETURNS int
IMMUTABLE PARALLEL SAFE LANGUAGE sql
AS 'SELECT ((hashint8extended(item, throw) & 9223372036854775807) % sides)::int';

CREATE TYPE people.level AS ENUM ('basic', 'silver', 'gold');

CREATE TABLE people.customers (
    id int NOT NULL,
    login uuid NOT NULL,
    name text NOT NULL,
    city text NOT NULL,
    country char(2) NOT NULL,
    level people.level NOT NULL,
    email text,
    phones text[],
    address jsonb NOT NULL,
    born_on date,
    customer_since date NOT NULL,
    newsletter boolean NOT NULL
);

INSERT INTO people.customers
SELECT
    id,
    md5('customer ' || id)::uuid,
    first_names[1 + pg_temp.dice(id, 1, cardinality(first_names))] || ' '
    || last_names[1 + pg_temp.dice(id, 2, cardinality(last_names))],
    cities.name,
    cities.country,
    (ARRAY['basic', 'basic', 'basic', 'basic', 'silver', 'silver', 'gold'])
    [1 + pg_temp.dice(id, 4, 7)]::people.level,
    CASE WHEN pg_temp.dice(id, 5, 20) > 0 THEN 'customer' || id || '@example.org' END,
    CASE pg_temp.dice(id, 6, 4)
        WHEN 0 THEN NULL
        WHEN 1 THEN ARRAY['+00 555 ' || 100000 + id, '+00 556 ' || 900000 - id]
        ELSE ARRAY['+00 555 ' || 100000 + id]
    END,
    jsonb_build_object(
        'street', streets[1 + pg_temp.dice(id, 7, cardinality(streets))],
        'number', 1 + pg_temp.dice(id, 8, 120)
    ),
    CASE WHEN pg_temp.dice(id, 9, 3) > 0 THEN date '1946-01-01' + pg_temp.dice(id, 10, 22000) END,
    date '2016-05-01' + pg_temp.dice(id, 11, 2800),
    pg_temp.dice(id, 12, 3) = 0
FROM generate_series(1, current_setting('demo.orders')::int / 4) AS id
CROSS JOIN (
    SELECT
        '{Ana,André,Beatriz,Björn,Chloé,Clara,Dilan,Elif,Emil,François,Freja,Gülşen,Hélène,Inês,
        Jakub,Jörg,José,Łucja,Luca,Maëlle,Matěj,Mónica,Nikolaj,Noémie,Óscar,Paweł,Renée,Søren,Sofia,
        Tomáš,Ursula,Yağmur,Zoë,Žofie}'::text[] AS first_names,
        '{Ångström,Bäcker,Castro,Çelik,Dąbrowski,Dubois,Fernández,García,Gómez,Håkansson,Horák,Jensen,
        Königsberg,Lefèvre,Lindqvist,Moreau,Müller,Nguyễn,Novák,Nuñez,Öztürk,Pereira,Rossi,Schäfer,
        Sørensen,Šimek,Wójcik,Žák}'::text[] AS last_names,
        '{Rue de l''Église,Hauptstraße,Calle Mayor,Nørregade,Długa,Kungsgatan,Rua Augusta,
        Náměstí Míru,Via Roma,Bahnhofstrasse}'::text[] AS streets
) AS words
JOIN (VALUES
    (0, 'Zürich', 'CH'), (1, 'Genève', 'CH'), (2, 'Basel', 'CH'), (3, 'Köln', 'DE'),
    (4, 'München', 'DE'), (5, 'Berlin', 'DE'), (6, 'Wien', 'AT'), (7, 'Graz', 'AT'),
    (8, 'Málaga', 'ES'), (9, 'Sevilla', 'ES'), (10, 'Besançon', 'FR'), (11, 'Orléans', 'FR'),
    (12, 'Lyon', 'FR'), (13, 'København', 'DK'), (14, 'Aarhus', 'DK'), (15, 'Łódź', 'PL'),
    (16, 'Kraków', 'PL'), (17, 'Plzeň', 'CZ'), (18, 'Brno', 'CZ'), (19, 'Göteborg', 'SE'),
    (20, 'Malmö', 'SE'), (21, 'Évora', 'PT'), (22, 'Torino', 'IT'), (23, 'İzmir', 'TR')
) AS cities (place, name, country) ON cities.place = pg_temp.dice(id, 3, 24);

CREATE TABLE support.tickets (
    id int NOT NULL,
    customer_id int NOT NULL,
    opened_at timestamp(3) NOT NULL,
    closed_at timestamp(3),
    subject text NOT NULL,
    rating smallint
);

INSERT INTO support.tickets
SELECT
    id,
    1 + pg_temp.dice(id, 20, current_setting('demo.orders')::int / 4),
    opened_at,
    CASE WHEN pg_temp.dice(id, 21, 12) > 0 THEN
        opened_at + interval '1 millisecond' * (600000 + pg_temp.dice(id, 22, 400000000))
    END,
    (ARRAY['Where is my parcel?', 'Wrong colour', 'Invoice, please', 'Möchte umtauschen',
        'Colis abîmé', 'Cambiar la dirección'])[1 + pg_temp.dice(id, 23, 6)],
    CASE WHEN pg_temp.dice(id, 24, 3) = 0 THEN 1 + pg_temp.dice(id, 25, 5) END
FROM (
    SELECT
        id,
        timestamp '2024-01-02 08:00:00'
        + interval '1 millisecond' * (pg_temp.dice(id, 26, 728) * 86400000::bigint
        + pg_temp.dice(id, 27, 36000000)) AS opened_at
    FROM generate_series(1, current_setting('demo.orders')::int / 5) AS id
) AS opened;

ALTER TABLE people.customers ADD PRIMARY KEY (id);
ALTER TABLE support.tickets ADD PRIMARY KEY (id);
DROP SCHEMA IF EXISTS public;
ANALYZE;
