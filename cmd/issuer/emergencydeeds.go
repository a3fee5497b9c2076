package main

import "vidimus/internal/app/command"

// What was lost, and how its plan is made.
var (
	lost  = []string{"key", "wallet-provider", "registry", "all", "pace", "reference"}
	signs = []string{"officer", "officer-key"}
)

// emergencyDeeds are what `issuer emergency` does by the word after it.
var emergencyDeeds = []command.Deed{
	{
		Args: "--key ID | --wallet-provider NAME | --registry ISSUER | --all", Short: "count what would be revoked, and change nothing; with --rehearse do all of it on a backup",
		Flags: append([]string{"dry-run", "rehearse", "archive", "identity", "reissue-rate"}, lost...),
		Example: `issuer emergency --key serial=0a1b2c --config /etc/vidimus/issuer.yaml
issuer emergency --all --rehearse /var/tmp/rehearsal --archive office.age --identity restore.key --config /etc/vidimus/issuer.yaml`,
	},
	{
		Word: "propose", Short: "count, and sign the plan as one officer; with --lift that to end a stop", Flags: append(append([]string{"lift"}, lost...), signs...),
		Example: `issuer emergency propose --key ID --reference 2026/17 --officer m.weber --officer-key weber.key --config /etc/vidimus/issuer.yaml
issuer emergency propose --lift --registry https://registry.example --reference 2026/17 --officer m.weber --officer-key weber.key --config /etc/vidimus/issuer.yaml`,
	},
	{
		Word: "approve", Args: "ID", Short: "show a plan; with the hash that the first officer reads out sign it as another", Flags: append([]string{"hash"}, signs...),
		Example: "issuer emergency approve e-0123456789abcdef --hash HASH --officer j.muller --officer-key muller.key --config /etc/vidimus/issuer.yaml",
	},
	{
		Word: "dismiss", Args: "ID", Short: "take a plan back that has not begun, as the officer who proposed it", Flags: signs,
		Example: "issuer emergency dismiss e-0123456789abcdef --officer m.weber --officer-key weber.key --config /etc/vidimus/issuer.yaml",
	},
	{
		Word: "run", Args: "ID", Short: "do an approved plan, or what is left of it: stop, revoke, publish, tell holders",
		Example: "issuer emergency run e-0123456789abcdef --config /etc/vidimus/issuer.yaml",
	},
	{
		Word: "status", Args: "ID", Short: "say how far a plan came, and who has good copies again",
		Example: "issuer emergency status e-0123456789abcdef --config /etc/vidimus/issuer.yaml",
	},
	{
		Word: "list", Short: "list the plans, the newest first, and what is stopped",
		Example: "issuer emergency list --config /etc/vidimus/issuer.yaml",
	},
	{
		Word: "pause", Args: "ID", Short: "hold a run between two steps",
		Example: "issuer emergency pause e-0123456789abcdef --config /etc/vidimus/issuer.yaml",
	},
	{
		Word: "resume", Args: "ID", Short: "let a run go on that is paused",
		Example: "issuer emergency resume e-0123456789abcdef --config /etc/vidimus/issuer.yaml",
	},
	{
		Word: "holders", Args: "ID", Short: "list whom a plan concerns, as lines of JSON: it names persons, and is recorded",
		Example: "issuer emergency holders e-0123456789abcdef --config /etc/vidimus/issuer.yaml",
	},
	{
		Word: "report", Args: "ID", Short: "write NAME.json and NAME.txt; the SHA-256 of the JSON goes into the audit record", Flags: []string{"o"},
		Example: "issuer emergency report e-0123456789abcdef -o report --config /etc/vidimus/issuer.yaml",
	},
}
