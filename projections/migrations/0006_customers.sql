create table customers (
    id             text    primary key,
    name           text    not null,
    nip            text    not null,
    email          text    not null,
    language       text    not null,
    is_distributor boolean not null,
    distributor    text    not null,  -- empty: orders for itself
    state          json    not null   -- domain.Customer, without its logins
);
create index customers_by_distributor on customers (distributor);

-- Where the activation file of a licence goes, once its owner has corrected the address.
create table activation_emails (
    licence     text   primary key,
    customer    text   not null,
    email       text   not null,
    corrections bigint not null  -- how often
);
