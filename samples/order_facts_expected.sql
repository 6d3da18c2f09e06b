-- What "Orders to mart" must leave in order_facts, computed by PostgreSQL from the source.
select
    orders.id as order_id,
    customers.name as customer,
    upper(customers.country) as country,
    orders.placed_on,
    (orders.quantity * orders.unit_price)::numeric(12, 2) as amount
from orders
join customers on customers.id = orders.customer_id
where orders.status in ('paid', 'shipped') and orders.quantity > 1
order by orders.id;
