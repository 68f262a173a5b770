package node

import (
	"context"
	"fmt"

	"github.com/google/uuid"
)

// seed writes the events an original node writes when it first starts; client libraries wait for the stream $users
// before they trust a server. It does nothing when the log already holds events, and completes a seed that a crash
// cut short, because each append names the revision it expects.
// Source: EventStore-Client-Go v4.2.0, resources/test/all-e0-e10.json.
func (s *store) seed(ctx context.Context) error {
	admins := []byte(`{"$acl":{"$r":"$admins","$w":"$admins","$d":"$admins","$mr":"$admins","$mw":"$admins"}}`)
	for _, e := range []struct {
		stream   string
		expected int64
		kind     string
		json     bool
		data     []byte
	}{
		{"$$$user-admin", noStream, typeMetadata, true, admins},
		{"$$$user-ops", noStream, typeMetadata, true, admins},
		{"$$$scavenges", noStream, typeMetadata, true, []byte(`{"$maxCount":100}`)},
		{"$$$stats-node", noStream, typeMetadata, true, []byte(`{"$maxAge":86400}`)},
		{"$user-ops", noStream, "$UserCreated", true, user("ops", "$ops")},
		{"$user-admin", noStream, "$UserCreated", true, user("admin", "$admins")},
		{"$users", noStream, "$User", false, []byte("ops")},
		{"$users", 0, "$User", false, []byte("admin")},
	} {
		id := eventID(uuid.NewSHA1(uuid.NameSpaceURL, []byte("netrom.pl/portal/infra/node/seed/"+e.stream+"/"+string(e.data))))
		a, err := s.append(e.stream, e.expected, []proposed{{id: id, kind: e.kind, json: e.json, data: e.data}})
		if err == nil {
			err = s.settle(ctx, a)
		}
		if err != nil {
			return fmt.Errorf("write the first events of a new log: %w", err)
		}
	}
	return nil
}

// user describes an account as the original does, without a password: accounts of this node are options of its start.
func user(name, group string) []byte {
	return fmt.Appendf(nil, `{"loginName":%q,"fullName":%q,"disabled":false,"groups":[%q]}`, name, name, group)
}
