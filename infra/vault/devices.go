package vault

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"strings"
)

const (
	deviceBytes      = 16
	deviceLimitBytes = 100
)

// DeviceToken is what a browser keeps after its holder's login with a user name.
// Tries from a browser that shows one are counted apart from those of everybody
// else, so that strangers who guess cannot make the holder wait. It proves
// nothing more and is of no use without the password.
// Source: OWASP, Slow Down Online Guessing Attacks with Device Cookies.
func (v *Vault) DeviceToken(userName string) (string, error) {
	name, err := UserName(userName)
	if err != nil {
		return "", err
	}
	random, err := v.random(deviceBytes)
	if err != nil {
		return "", err
	}
	device := base64.RawURLEncoding.EncodeToString(random)
	return device + "." + v.deviceSeal(device, name), nil
}

// deviceSeal binds a device to a user name.
func (v *Vault) deviceSeal(device, name string) string {
	mac := hmac.New(sha256.New, v.nameKey)
	mac.Write([]byte("device\x00" + device + "\x00" + name))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// countedAs is the name under which a try is counted: that of the device if it
// has been bound to the user name, else the user name itself.
func (v *Vault) countedAs(name, token string) string {
	device, seal, _ := strings.Cut(token, ".")
	if len(token) > deviceLimitBytes || !hmac.Equal([]byte(seal), []byte(v.deviceSeal(device, name))) {
		return name
	}
	return "device " + device // no user name has a space
}
