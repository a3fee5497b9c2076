// Package emergency takes copies back in the mass: when a signing key was
// stolen, a wallet provider is broken, a registry's key is in other hands, or
// nobody knows how much is lost.
//
// Start with New. Draft counts what a Scope reaches and changes nothing.
// Propose keeps a plan under the signature of one human, Approve under that of
// another; both sign a Statement over the hash of the Draft, which covers the
// scope and, of a wallet provider or a registry, the most copies that may be revoked. Run stops the scope, so that
// nothing new comes into it, and revokes step by step; Tend does what is left
// over after a crash and tells holders in waves.
//
// Promised: a plan begins once, within Lifetime of its proposal and of its
// approval, and only with two humans under it; a step is one transaction with
// its flips, its place, what holders are owed and its line of the audit record;
// a step that would go beyond the bound of the plan is refused without a trace;
// two runs of one plan are one; what is INVALID stays so. A stop of a key is for
// ever, one of a wallet provider or registry ends by another plan (Lift).
//
// What it does not do: take events back that a registry sent, end wallet units,
// or make keys. Grants stay good: who has copies of which a key was stolen
// fetches anew once the office signs with another.
package emergency
