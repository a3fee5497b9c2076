package emergency_test

import (
	"context"
	"testing"

	"vidimus/internal/emergency"
	"vidimus/internal/problem"
)

// FuzzStatement: whatever is sent in the place of an officer's statement, nothing
// but the very statement is taken, and every refusal has a name.
func FuzzStatement(f *testing.F) {
	w := newWorld(f, 1)
	d := emergency.Draft{ID: "e-1", Office: office, Act: emergency.Lift, Scope: emergency.Scope{Kind: emergency.OfRegistry, Value: "R"}}
	good, other := w.say("anna", emergency.Propose, d), w.say("ben", emergency.Approve, d)
	f.Add(good.Statement, good.PublicKey)
	f.Add(other.Statement, good.PublicKey)
	f.Add(good.Statement+".", other.PublicKey)
	f.Add("e30.e30.AA", "")
	f.Fuzz(func(t *testing.T, statement, key string) {
		_, err := w.Propose(context.Background(), d, emergency.Signed{Statement: statement, PublicKey: key})
		switch kind := problem.KindOf(err); kind {
		case problem.InvalidRequest, problem.AuthenticationFailed, problem.AccessDenied:
		case problem.NotFound: // nothing is stopped that could be lifted: the statement itself was good
			if statement != good.Statement {
				t.Errorf("%q is taken", statement)
			}
		default:
			t.Errorf("%v", err)
		}
	})
}
