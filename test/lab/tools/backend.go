package main

import (
	"bufio"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// answer is what the backend says, over every protocol: who answered and whom it saw.
type answer struct {
	Pod      string `json:"pod"`
	Node     string `json:"node"`
	Client   string `json:"client"`
	Protocol string `json:"protocol"`
	// Echo is the request's text in the line and datagram protocols, so that a reply can be told from another one.
	Echo string `json:"echo,omitempty"`
}

func answerTo(client net.Addr, protocol, echo string) []byte {
	host, _, _ := net.SplitHostPort(client.String())
	ip := net.ParseIP(host)
	if v4 := ip.To4(); v4 != nil {
		host = v4.String()
	}
	text, _ := json.Marshal(answer{os.Getenv("POD_NAME"), os.Getenv("NODE_NAME"), host, protocol, echo})
	return append(text, '\n')
}

// linger is how long the backend serves on after SIGTERM: what a preStop hook buys a server that ends at once. LINGER, default 0.
func linger() (time.Duration, error) {
	text := os.Getenv("LINGER")
	if text == "" {
		return 0, nil
	}
	return time.ParseDuration(text)
}

// backend serves HTTP on 8080, and one JSON line per line (TCP) or datagram (UDP) on 9000, until SIGTERM.
func backend() error {
	failed := make(chan error, 4)
	wait, err := linger()
	if err != nil {
		return err
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	go func() {
		<-asked
		time.Sleep(wait)
		failed <- nil
	}()
	lines, err := net.Listen("tcp", ":9000")
	if err != nil {
		return err
	}
	datagrams, err := net.ListenPacket("udp", ":9000")
	if err != nil {
		return err
	}
	go func() { failed <- serveLines(lines) }()
	go func() { failed <- serveDatagrams(datagrams) }()
	server := &http.Server{Addr: ":8080", ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(serveHTTP)}
	go func() { failed <- server.ListenAndServe() }()
	return <-failed
}

type tcpAddress string

func (tcpAddress) Network() string  { return "tcp" }
func (a tcpAddress) String() string { return string(a) }

func serveHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Write(answerTo(tcpAddress(r.RemoteAddr), "http", ""))
}

func serveLines(listener net.Listener) error {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer conn.Close()
			for scanner := bufio.NewScanner(conn); scanner.Scan(); {
				if _, err := conn.Write(answerTo(conn.RemoteAddr(), "tcp", scanner.Text())); err != nil {
					return
				}
			}
		}()
	}
}

func serveDatagrams(conn net.PacketConn) error {
	buffer := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return err
		}
		conn.WriteTo(answerTo(from, "udp", string(buffer[:n])), from)
	}
}
