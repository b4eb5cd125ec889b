// Command generator asks for addresses by ARP or neighbour solicitation and times the answers. It keeps a number of
// questions in flight and turns on its processor for as long as it measures, so that its own sleep is in no latency.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"time"
)

func main() {
	name := flag.String("interface", "eth0", "interface to ask on")
	source := flag.String("source", "", "address to ask from; its family decides between ARP and neighbour discovery")
	first := flag.String("first", "", "first address to ask for")
	count := flag.Int("count", 1, "how many addresses, one after the other")
	inFlight := flag.Int("in-flight", 1, "questions in flight; 0: never wait for an answer")
	forTime := flag.Duration("for", time.Second, "how long to measure; 0: ask for each address once")
	unicast := flag.String("unicast", "", "MAC to send solicitations to; without it they go to the solicited-node groups")
	flag.Parse()
	measured, err := measure(*name, *source, *first, *count, *inFlight, *forTime, *unicast)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(measured)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "generator:", err)
		os.Exit(1)
	}
}

func measure(name, source, first string, count, inFlight int, forTime time.Duration, unicast string) (result, error) {
	from, err := netip.ParseAddr(source)
	if err != nil {
		return result{}, err
	}
	address, err := netip.ParseAddr(first)
	if err != nil {
		return result{}, err
	}
	if count < 1 || inFlight < 0 || inFlight > 1<<16-1 {
		return result{}, fmt.Errorf("%d addresses, %d in flight", count, inFlight)
	}
	addresses := make([]netip.Addr, count)
	for index := range addresses {
		addresses[index] = address
		address = address.Next()
	}
	var mac net.HardwareAddr
	if unicast != "" {
		if mac, err = net.ParseMAC(unicast); err != nil {
			return result{}, err
		}
	}
	chosen := arpProtocol(from)
	if from.Is6() {
		chosen = ndProtocol(from, mac)
	}
	s, err := openSocket(name, chosen.etherType)
	if err != nil {
		return result{}, err
	}
	// Nothing is allocated while it measures, and no collection may stop it.
	debug.SetGCPercent(-1)
	runtime.LockOSThread()
	if inFlight == 0 {
		return blast(s, chosen, addresses, forTime)
	}
	return newWindow(s, chosen, addresses, inFlight).run(forTime)
}
