create table programs (
    program text primary key,
    name    text not null,
    state   json not null  -- domain.Program
);

-- What can be bought anew: at most one entry of the price list for each program.
create table new_programs (
    program  text   primary key,
    entry    text   not null,
    edition  text   not null,
    version  text   not null,
    net      bigint not null,  -- grosz, of one licence
    vat_rate bigint not null   -- percent
);
