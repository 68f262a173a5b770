package activation

// Refusal is a reason not to believe a file; its text tells a person what to do about it. Compare with errors.Is.
type Refusal string

// Error is the reason as a sentence.
func (r Refusal) Error() string { return string(r) }

// The reasons for which Verify refuses a file.
const (
	TooLarge       Refusal = "the file is larger than 64 KiB: an activation file has one or two, take the attachment of the letter alone"
	NoBlock        Refusal = "there is no activation block: take the whole file as it was attached to the letter, marker lines included"
	Truncated      Refusal = "the activation block is cut off: download the file again"
	BadBase64      Refusal = "the activation block is damaged, it holds characters that do not belong there: download the file again"
	TrailingData   Refusal = "there is more here than one activation file: take one file alone, as it was attached to the letter"
	Malformed      Refusal = "the content of the activation block is not what the portal writes: download the file again"
	WrongKind      Refusal = "this is not an activation file of a version known here: take another file or a newer program"
	UnknownKey     Refusal = "the file was signed with a key that is not on the key list: fetch the current key list from the vendor"
	RevokedKey     Refusal = "the file was signed with a key that was revoked: ask the vendor for a new file"
	WrongSignature Refusal = "the signature does not fit: the content was altered after signing; download the file again"
	OutsideScope   Refusal = "the file was signed with a key that may not sign for this product: ask the vendor for a new file"
)
