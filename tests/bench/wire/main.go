// Both ends of the wire for the benchmark of the request path: `wire stub` is the engine, `wire load` its callers.
//
// They are fasthttp and not net/http because together they must cost less than the cheapest proxy between them:
// on a core that they share, the proxy under test and never this program is then what limits.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
)

func main() {
	// Some garbage more in memory, some collections less in the middle of a measurement.
	debug.SetGCPercent(800)
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "wire:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) > 0 {
		switch arguments[0] {
		case "stub":
			return stub()
		case "load":
			return load(arguments[1:])
		}
	}
	return fmt.Errorf("the first argument is stub or load")
}
