// Package rotation says which of several keys signs at an instant.
//
// Start with New: it takes the generations of one signer, as their certificates
// and the day of their publication tell them, and a Policy; the Plan that it
// gives answers for any instant who signs (Signs), who follows and when (Next),
// what each is (State) and from when on nobody can (Stops). Alarm says how near
// that is.
//
// The oldest generation signs first. It hands over after Policy.Use to the next
// one that has been public for long enough, and goes on where there is none. What
// it signs lives for Policy.Life at most, and no generation signs what could
// outlive its certificate: it stops that long before its end, whether somebody
// follows or not. A generation that was not public for long enough signs only
// where no other can. One that is barred, by an emergency or by the list of its
// root, never signs: the plan is that of the others, and its state says why.
//
// Promised: who signs depends on the generations, the policy and the instant and
// on nothing else, so that any number of processes agree; a Plan does not change.
package rotation
