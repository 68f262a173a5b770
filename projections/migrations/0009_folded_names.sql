-- Names in the form in which lists are searched and sorted: lower case, without Polish accents, whatever the locale.
alter table customers add folded text not null
    generated always as (translate(lower(name), 'ąćęłńóśźżĄĆĘŁŃÓŚŹŻ', 'acelnoszzacelnoszz')) stored;
alter table entitlement_programs add folded text not null
    generated always as (translate(lower(name), 'ąćęłńóśźżĄĆĘŁŃÓŚŹŻ', 'acelnoszzacelnoszz')) stored;
alter table programs add folded text not null
    generated always as (translate(lower(name), 'ąćęłńóśźżĄĆĘŁŃÓŚŹŻ', 'acelnoszzacelnoszz')) stored;
drop index customers_by_distributor;
create index customers_by_distributor on customers (distributor, folded, id);
