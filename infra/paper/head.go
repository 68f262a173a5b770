package paper

import (
	"netrom.pl/portal/domain"
)

// fact is a name and what it stands for.
type fact struct{ name, value string }

// head begins a document: its title, and on the right what it is about.
func (s *sheet) head(title, number string, facts []fact) {
	s.page()
	half := bodyWidth * 0.56
	top := s.y
	s.paragraph(margin, half, title, bold, titleSize)
	s.paragraph(margin, half, number, regular, titleSize*0.7)
	below := s.y
	s.y = top + 1
	s.facts(margin+half, bodyWidth-half, facts, textSize)
	s.y = max(s.y, below) + 4
	s.rule(margin, margin+bodyWidth, s.y, 0.4)
	s.y += 4
}

// facts are listed below each other, names on the left and values on the right.
func (s *sheet) facts(x, width float64, facts []fact, size float64) {
	for _, f := range facts {
		s.line(x, s.y, width*0.42, f.name, regular, size, left)
		s.line(x+width*0.44, s.y, width*0.56, f.value, bold, size, right)
		s.y += size * point * leading * 1.1
	}
}

// party is who sells or buys.
type party struct {
	role, name string
	nip        domain.NIP
	account    domain.NRB
}

// parties stand side by side.
func (s *sheet) parties(words labels, parties [2]party) {
	const gap = 8.0
	width, top, below := (bodyWidth-gap)/2, s.y, s.y
	for i, p := range parties {
		x := margin + float64(i)*(width+gap)
		s.y = top
		s.paragraph(x, width, p.role, regular, smallSize)
		s.paragraph(x, width, p.name, bold, textSize+1)
		if p.nip != "" {
			s.paragraph(x, width, words.nip+" "+string(p.nip), regular, textSize)
		}
		if p.account != "" {
			s.paragraph(x, width, words.account+" "+p.account.Grouped(), regular, textSize)
		}
		below = max(below, s.y)
	}
	s.y = below + 4
}

// foot writes the line at the end of every page: whose it is and which of how many.
func (s *sheet) foot(text, page string) {
	y := bodyBottom + 8
	s.rule(margin, margin+bodyWidth, y-2, 0.1)
	s.line(margin, y, bodyWidth*0.8, text, regular, smallSize, left)
	s.line(margin+bodyWidth*0.8, y, bodyWidth*0.2, page, regular, smallSize, right)
}
