package handlers

import (
	"errors"
	"fmt"
	"strconv"

	"netrom.pl/portal/domain"
)

// downloadActivationFile hands an activation file that was issued to the buyer of its order, byte for byte as it was sent.
func (s *Server) downloadActivationFile(c *call) (reply, error) {
	_, issued, err := s.ownFile(c)
	if err != nil {
		return reply{}, err
	}
	return reply{download: &download{contentType: "application/octet-stream", name: issued.Name, content: issued.File}}, nil
}

// ownFile is the activation file that a path names, if the order is the caller's, and all that is known of the order.
func (s *Server) ownFile(c *call) (dossier, domain.ActivationFileIssued, error) {
	name, err := c.name("order")
	if err != nil {
		return dossier{}, domain.ActivationFileIssued{}, err
	}
	text, err := c.name("line")
	if err != nil {
		return dossier{}, domain.ActivationFileIssued{}, err
	}
	missing := domain.Refusal{Code: domain.NotFound}
	line, err := strconv.Atoi(text)
	if err != nil {
		return dossier{}, domain.ActivationFileIssued{}, missing
	}
	d, err := openDossier(c.Context(), s.Log, domain.OrderID(name))
	if err != nil {
		return dossier{}, domain.ActivationFileIssued{}, err
	}
	issued := d.Files[line].Issued
	if !d.Exists() || d.Buyer != c.customer() || issued == nil || len(issued.File) == 0 {
		return dossier{}, domain.ActivationFileIssued{}, missing
	}
	return d, *issued, nil
}

// downloadReleaseProof hands out the proof that a payment released an activation file: that of the payment's event, and behind it that of
// the file's own. A checkpoint covers both some seconds after the file was issued. Source: R14, C2SP tlog-proof.
func (s *Server) downloadReleaseProof(c *call) (reply, error) {
	d, issued, err := s.ownFile(c)
	if err != nil {
		return reply{}, err
	}
	var payment, file domain.Position
	for _, record := range d.records {
		if e, ok := record.Event.(domain.ActivationFileIssued); ok && e.Line == issued.Line {
			file = record.Position
		}
		if record.ID == issued.Payment {
			payment = record.Position
		}
	}
	if payment == 0 {
		return reply{}, fmt.Errorf("prove the release of %s: its order has no event %s, which the file names as its payment", issued.Name, issued.Payment)
	}
	proof, err := s.proveTogether(c.Context(), payment, file)
	if errors.Is(err, ErrNotSigned) {
		return reply{}, domain.Refusal{Code: notSigned}
	}
	if err != nil {
		return reply{}, fmt.Errorf("prove the release of %s: %w", issued.Name, err)
	}
	return reply{download: &download{contentType: "text/plain; charset=utf-8", name: issued.Name + ".proof", content: proof}}, nil
}
