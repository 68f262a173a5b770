package main

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"slices"
	"testing"
)

// The pictures in the documentation stay small: long lists are cut, and few colours are enough for text.
const (
	pictureHeightMax  = 2400 // pixels
	pictureColoursMax = 64
)

// smaller writes the top of a picture with the colours that occur most often in it; the others become the nearest of them.
func smaller(t *testing.T, picture []byte) []byte {
	t.Helper()
	full, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		t.Fatal(err)
	}
	bounds, count := full.Bounds(), map[color.RGBA]int{}
	bounds.Max.Y = min(bounds.Max.Y, bounds.Min.Y+pictureHeightMax)
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			count[color.RGBAModel.Convert(full.At(x, y)).(color.RGBA)]++
		}
	}
	var all color.Palette
	for c := range count {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b color.Color) int { return count[b.(color.RGBA)] - count[a.(color.RGBA)] })
	few := image.NewPaletted(bounds, all[:min(len(all), pictureColoursMax)])
	nearest := map[color.RGBA]uint8{}
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			c := color.RGBAModel.Convert(full.At(x, y)).(color.RGBA)
			index, known := nearest[c]
			if !known {
				index = uint8(few.Palette.Index(c))
				nearest[c] = index
			}
			few.SetColorIndex(x, y, index)
		}
	}
	var file bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&file, few); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}
