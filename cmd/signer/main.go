// Command signer holds the keys of an office, alone: it signs what it can read,
// for the processes that it knows. Run `signer help` for what it can do.
package main

import (
	"os"

	"vidimus/internal/app/command"
)

func main() { os.Exit(program.Main()) }

var program = command.Program{
	Name: "signer", Secret: true,
	Intro: `signer is a small process that alone holds the keys of an office, in a token or
in files. It reads what it is to sign and refuses what it does not know; it is
never asked to sign a digest.
` + tokens,
	Commands: []command.Command{initialize, serve, status, doctor, record, lists, checkConfig, ceremonies, key},
}
