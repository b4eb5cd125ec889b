// Command tools holds the small programs of the lab: what pods run, and what an outside client runs.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	name := ""
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	var err error
	switch name {
	case "pause":
		pause()
	case "backend":
		err = backend()
	case "connect":
		err = connect(os.Args[2:])
	case "get":
		err = get(os.Args[2:])
	default:
		err = fmt.Errorf("usage: tools pause|backend|connect|get [flags]")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// pause is the first process of every pod: it holds the namespaces and buries the dead.
func pause() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	children := make(chan os.Signal, 1)
	signal.Notify(children, syscall.SIGCHLD)
	for {
		select {
		case <-stop:
			return
		case <-children:
			for {
				if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
					break
				}
			}
		}
	}
}
