-- The target of the samples.
create table order_facts (
    order_id  integer primary key,
    customer  text not null,
    country   text not null,
    placed_on date not null,
    amount    numeric(12, 2) not null
);

create table contacts (
    id    integer primary key,
    name  text not null,
    email text not null
);

insert into contacts values
    (1, 'Loaded before', 'first@example.com'),
    (2, 'Loaded before', 'second@example.com');

create table order_scores (
    order_id integer primary key,
    country  text not null,
    amount   numeric(12, 2) not null,
    vat      numeric(12, 2) not null,
    band     text not null
);

-- For the first workflow of the README.
create table large_orders (
    id          integer primary key,
    customer_id integer not null,
    quantity    integer not null,
    unit_price  numeric(10, 2) not null
);
