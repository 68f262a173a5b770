package paper

import (
	"fmt"

	"rsc.io/qr"
)

// codeSize is the edge of a transfer code, in millimetres, with its margin.
// Source: Związek Banków Polskich, Rekomendacja dotycząca kodu dwuwymiarowego ("2D"), version 1.0: at least 18.
const codeSize = 34.0

// quietZone is the empty margin of a QR code, in modules. Source: ISO/IEC 18004, section 6.3.8.
const quietZone = 4

// code draws a text as a QR code of level L, one rectangle for each run of dark modules.
func (s *sheet) code(x, y float64, text string) error {
	matrix, err := qr.Encode(text, qr.L)
	if err != nil {
		return fmt.Errorf("draw QR code: %w", err)
	}
	module := codeSize / float64(matrix.Size+2*quietZone)
	for row := range matrix.Size {
		for column := 0; column < matrix.Size; column++ {
			run := 0
			for column+run < matrix.Size && matrix.Black(column+run, row) {
				run++
			}
			if run > 0 {
				s.pdf.Rect(x+float64(column+quietZone)*module, y+float64(row+quietZone)*module, float64(run)*module, module, "F")
				column += run
			}
		}
	}
	return nil
}
