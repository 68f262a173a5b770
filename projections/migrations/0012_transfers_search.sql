-- What a transfer is searched by, lower case and without Polish accents; it follows the payer's words when they are erased.
alter table transfers add column folded text not null generated always as (
    translate(lower(title || ' ' || payer_name), 'ąćęłńóśźżĄĆĘŁŃÓŚŹŻ', 'acelnoszzacelnoszz')) stored;
create index reversals_open on reversals (position) where transfer = '';
