// Package bank reads what banks write: statements of account as MT940 files, in the dialects in which Polish banks fill the
// description of an entry, and as camt.053 files.
//
// [Parse] finds out by itself what a file is and how it is encoded, and takes it whole or not at all: every statement in it must
// open, move and close so that opening balance plus movements gives the closing balance, to the grosz. What does not hold is a
// [*ParseError] with the line and what to do. Every entry has a key that is the same in every export of the same booking,
// whatever its form; see [Entry]. [WriteMT940] writes one dialect and gives up rather than write what would not be read back equal.
//
// A file that ends exactly behind a complete statement is complete: MT940 does not say how many statements follow.
//
// Source: R13, R14 (nothing is released before the money is here, so the money must be read right); SWIFT User Handbook,
// Category 9, MT 940 Customer Statement Message; ISO 20022, camt.053, BankToCustomerStatement.
package bank
