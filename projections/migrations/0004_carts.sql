create table carts (
    buyer text primary key,
    state json not null  -- domain.Cart, with those submissions that are neither placed nor returned
);

-- Which licences are in whose cart.
create table cart_items (
    buyer   text not null,
    licence text not null,
    primary key (buyer, licence)
);
create index cart_items_by_licence on cart_items (licence);
