package foundation

import (
	"path/filepath"

	"netrom.pl/portal/infra/activation"
)

// PublicKeys is the list of public keys for checking activation files, within the data folder.
const PublicKeys = "activation/keys.json"

// SigningKey is the key for activation files, made at the first use, and the list of all public keys.
func (f *Foundation) SigningKey() (activation.Key, activation.Keys, error) {
	key, err := activation.LoadOrCreateKey(filepath.Join(f.Dir, filepath.Dir(PublicKeys)))
	if err != nil {
		return key, nil, err
	}
	keys, err := activation.PublishKey(filepath.Join(f.Dir, PublicKeys), key)
	return key, keys, err
}
