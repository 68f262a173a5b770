// Package bank reads what banks write: statements of account as MT940 files, in the dialects in which Polish banks fill the
// description of an entry, field 86.
//
// [ParseMT940] takes a file whole or not at all: every statement in it must open, move and close so that opening balance plus
// movements gives the closing balance, to the grosz. What does not hold is a [*ParseError] with the line and what to do.
// [WriteMT940] writes the same dialect and gives up rather than write what would not be read back equal.
//
// A file that ends exactly behind a complete statement is complete: MT940 does not say how many statements follow.
//
// Source: R13, R14 (nothing is released before the money is here, so the money must be read right); SWIFT User Handbook,
// Category 9, MT 940 Customer Statement Message.
package bank
