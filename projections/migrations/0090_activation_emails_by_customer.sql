-- What follows from the stream of one customer is found without reading the whole table.
create index activation_emails_by_customer on activation_emails (customer);
