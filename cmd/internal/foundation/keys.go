package foundation

import (
	"path/filepath"

	"netrom.pl/portal/infra/activation"
)

// PublicKeys is the list of public keys for checking activation files, within the data folder.
const PublicKeys = "activation/keys.json"

// SigningKey is the key for activation files, made at the first use, and the list of all public keys.
func (f *Foundation) SigningKey() (activation.Key, activation.Keys, error) {
	list := filepath.Join(f.Dir, PublicKeys)
	return activation.Open(filepath.Dir(list), list)
}
