package domain

import "testing"

// The first vector is the one of the recommendation; its NIP and account do not have valid checksums.
func TestTransferCode(t *testing.T) {
	own := BankData{Recipient: "NetRom", NIP: "1234563218", Account: "84102055580000123400005678"}
	for _, test := range []struct {
		bank   BankData
		amount Money
		title  string
		want   string
	}{
		{BankData{Recipient: "Odbiorca 1", NIP: "1234567890", Account: "92124012340001567890123456"}, 1200, "FV 1234/34/2012",
			"1234567890|PL|92124012340001567890123456|001200|Odbiorca 1|FV 1234/34/2012|||"},
		{BankData{Recipient: "Odbiorca 1", Account: "92124012340001567890123456"}, 1200, "Przelew ekspress",
			"|PL|92124012340001567890123456|001200|Odbiorca 1|Przelew ekspress|||"},
		{own, 123456, "ZAM 2026000123 51", "1234563218|PL|84102055580000123400005678|123456|NetRom|ZAM 2026000123 51|||"},
		{own, 1, "x", "1234563218|PL|84102055580000123400005678|000001|NetRom|x|||"},
		{own, 1234567, "x", "1234563218|PL|84102055580000123400005678|1234567|NetRom|x|||"},
		{own, 0, "x", ""},
		{own, -5, "x", ""},
		{BankData{Recipient: "Żółta łódź | spółka\r\nz o.o.", NIP: "1234563218", Account: "84102055580000123400005678"}, 100, "a|b\nc  d 456789012345678901234567890",
			"1234563218|PL|84102055580000123400005678|000100|Żółta łódź spółka z|a b c d 456789012345678901234567|||"},
	} {
		if got := test.bank.TransferCode(test.amount, test.title); got != test.want {
			t.Errorf("code is\n%s, want\n%s", got, test.want)
		}
	}
}
