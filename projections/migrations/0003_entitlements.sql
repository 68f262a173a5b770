-- Licences: what customers own or have ordered. A licence whose only order was withdrawn is not here.
create table entitlements (
    licence         text    primary key,
    serial          text    not null,
    customer        text    not null,
    program         text    not null,
    edition         text    not null,
    version         text    not null,
    stations        bigint  not null,
    paid            boolean not null,
    activated       boolean not null,  -- as granted; files issued by the portal are facts of their orders
    pending_order   text    not null,  -- empty: none
    pending_edition text    not null,
    pending_version text    not null,
    state           json    not null   -- domain.Licence
);
create index entitlements_by_customer on entitlements (customer);
create index entitlements_by_program on entitlements (program, licence);

-- The view's own memory of the catalogue.
create table entitlement_programs (
    program text primary key,
    name    text not null,
    state   json not null  -- domain.Program
);

-- The steps of the price list that start at each licence.
create table updates (
    licence          text    not null,
    place            bigint  not null,  -- in the order of the price list
    entry            text    not null,
    edition          text    not null,
    version_from     text    not null,
    version_to       text    not null,
    to_multi_station boolean not null,
    net              bigint  not null,  -- grosz, of one licence or station
    vat_rate         bigint  not null,  -- percent
    obstacle         json,              -- domain.Refusal; null: can be ordered
    primary key (licence, place)
);
