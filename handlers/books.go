package handlers

import (
	"netrom.pl/portal/domain"
	"netrom.pl/portal/projections/books"
)

// BooksWords says the books in one of the portal's languages. Programs print them too.
func BooksWords(l domain.Language) books.Words {
	return func(family, code string) string {
		id := "books." + family + "." + code
		switch {
		case code == books.SumRow:
			id = "books.sum"
		case family == "status":
			id = "status." + code
		}
		text, err := spoken[l].text(id)
		if err != nil {
			panic(err) // every table and code has its words; a test counts them
		}
		return text
	}
}
