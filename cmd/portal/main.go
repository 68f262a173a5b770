// Command portal is the order portal: it serves the pages and the API, projects the log into read models, and writes the letters.
package main

import "netrom.pl/portal/cmd/internal/foundation"

func main() {
	foundation.Main("portal", []foundation.Command{
		{Name: "serve", Does: "start the portal", Run: serve},
		{Name: "demo", Does: "start it with demonstration data; with -once, play the main job and end", Run: playDemo},
		{Name: "import", Does: "register catalogue and customers from files", Run: importFiles},
		{Name: "account", Does: "make an account for the vendor's own people, or a fresh link for one", Run: makeAccount},
		{Name: "forget", Does: "erase the personal data of a customer; two operators have to want it", Run: forgetCustomer},
		{Name: "key", Does: "rotate or revoke a signing key; two operators have to want it", Run: changeKey},
		{Name: "rebuild", Does: "fold the log into fresh read models and compare them with the live ones", Run: rebuild},
	})
}
