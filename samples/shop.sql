-- The source of the samples: a small shop. Every value follows from its row number.
create table customers (
    id         integer primary key,
    name       text not null,
    country    text not null,
    email      text
);

insert into customers
select
    id,
    'Customer ' || lpad(id::text, 4, '0'),
    (array['France', 'Germany', 'India', 'Japan', 'Kenya', 'Peru'])[1 + (id * 7) % 6],
    -- The last three have none: see the sample that fails on purpose.
    case when id <= 597 then 'customer' || id || '@example.com' end
from generate_series(1, 600) as id;

create table orders (
    id          integer primary key,
    customer_id integer not null references customers,
    placed_on   date not null,
    status      text not null,
    quantity    integer not null,
    unit_price  numeric(10, 2) not null
);

insert into orders
select
    id,
    1 + (id * 37) % 600,
    date '2026-01-01' + (id % 180),
    (array['paid', 'shipped', 'open', 'canceled'])[1 + (id * 11) % 4],
    1 + (id * 13) % 9,
    ((id * 97) % 20000 + 100) / 100.0
from generate_series(1, 5000) as id;
