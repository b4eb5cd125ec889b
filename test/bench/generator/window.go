package main

import (
	"fmt"
	"net/netip"
	"slices"
	"time"
)

// lostAfter is when a question counts as lost and its place in the window is used again.
const lostAfter = 200 * time.Millisecond

// result is what the program prints, as one line of JSON. The times of begin and end are those of the machine's clock.
type result struct {
	Sent      int     `json:"sent"`
	Replies   int     `json:"replies"`
	Lost      int     `json:"lost"`
	PerSecond float64 `json:"perSecond"`
	P50Us     float64 `json:"p50Us"`
	P99Us     float64 `json:"p99Us"`
	BeganMs   int64   `json:"beganMs"`
	EndedMs   int64   `json:"endedMs"`
}

type question struct {
	round   uint16
	address int
	asked   time.Duration
	waiting bool
}

// window keeps a number of questions in flight: each answer makes room for the next one.
type window struct {
	socket    *socket
	protocol  protocol
	addresses []netip.Addr
	questions []question
	free      []uint16
	next      int
	began     time.Time
	out, in   *batch
	latencies []time.Duration
	sent      int
	lost      int
}

func newWindow(s *socket, p protocol, addresses []netip.Addr, inFlight int) *window {
	w := &window{socket: s, protocol: p, addresses: addresses, questions: make([]question, inFlight), in: newBatch()}
	w.out = templateBatch(p)
	for slot := range w.questions {
		w.free = append(w.free, uint16(slot))
	}
	w.latencies = make([]time.Duration, 0, 4<<20)
	return w
}

func templateBatch(p protocol) *batch {
	out := newBatch()
	for slot := range out.frames {
		copy(out.frames[slot][:], p.template)
		out.vectors[slot].SetLen(p.bytes)
	}
	return out
}

// run asks for the given time, or until every address was asked once if that is zero, and then waits for what is in flight.
func (w *window) run(forTime time.Duration) (result, error) {
	w.began = time.Now()
	swept := func() bool { return forTime == 0 && w.next >= len(w.addresses) }
	checkAt := lostAfter
	var elapsed time.Duration
	for {
		elapsed = time.Since(w.began)
		asking := !swept() && (forTime == 0 || elapsed < forTime)
		if asking && len(w.free) > 0 {
			if err := w.ask(elapsed, forTime == 0); err != nil {
				return result{}, err
			}
		}
		if !asking && len(w.free) == len(w.questions) {
			break
		}
		if err := w.listen(); err != nil {
			return result{}, err
		}
		if elapsed >= checkAt {
			w.giveUp(elapsed)
			checkAt = elapsed + lostAfter/4
		}
	}
	ended := w.began.Add(elapsed)
	return w.result(elapsed, ended), nil
}

func (w *window) ask(now time.Duration, once bool) error {
	count := min(len(w.free), batchFrames)
	if once {
		count = min(count, len(w.addresses)-w.next)
	}
	places := w.free[len(w.free)-count:]
	for index, slot := range places {
		q := &w.questions[slot]
		q.address = (w.next + index) % len(w.addresses)
		w.protocol.ask(w.out.frames[index][:], w.addresses[q.address], tag{slot: slot, round: q.round + 1})
	}
	taken, err := w.socket.send(w.out, count)
	// The times of all are those of the first: the last of them is said to have waited longer than it has.
	for _, slot := range places[:taken] {
		q := &w.questions[slot]
		q.round, q.asked, q.waiting = q.round+1, now, true
	}
	// The ones that were not taken stay free. They are the last of the places, so these are moved down.
	w.free = append(w.free[:len(w.free)-count], places[taken:]...)
	w.next += taken
	w.sent += taken
	return err
}

func (w *window) listen() error {
	count, err := w.socket.receive(w.in)
	if count == 0 {
		return err
	}
	now := time.Since(w.began)
	for index := range count {
		t, address, ok := w.protocol.answer(w.in.frames[index][:w.in.headers[index].length])
		if !ok || int(t.slot) >= len(w.questions) {
			continue
		}
		q := &w.questions[t.slot]
		if !q.waiting || q.round != t.round {
			continue
		}
		if address != w.addresses[q.address] {
			return fmt.Errorf("asked for %v, answered for %v", w.addresses[q.address], address)
		}
		q.waiting = false
		w.latencies = append(w.latencies, now-q.asked)
		w.free = append(w.free, t.slot)
	}
	return nil
}

func (w *window) giveUp(now time.Duration) {
	for slot := range w.questions {
		q := &w.questions[slot]
		if q.waiting && now-q.asked > lostAfter {
			q.waiting = false
			w.lost++
			w.free = append(w.free, uint16(slot))
		}
	}
}

func (w *window) result(elapsed time.Duration, ended time.Time) result {
	r := result{Sent: w.sent, Replies: len(w.latencies), Lost: w.lost}
	r.BeganMs, r.EndedMs = w.began.UnixMilli(), ended.UnixMilli()
	r.PerSecond = float64(len(w.latencies)) / elapsed.Seconds()
	if len(w.latencies) == 0 {
		return r
	}
	slices.Sort(w.latencies)
	share := func(percent int) float64 {
		place := (len(w.latencies)*percent + 99) / 100
		return float64(w.latencies[max(place, 1)-1].Nanoseconds()) / 1000
	}
	r.P50Us, r.P99Us = share(50), share(99)
	return r
}

// blast sends questions for the given time without looking at any answer.
func blast(s *socket, p protocol, addresses []netip.Addr, forTime time.Duration) (result, error) {
	out := templateBatch(p)
	began := time.Now()
	sent := 0
	var elapsed time.Duration
	for ; elapsed < forTime; elapsed = time.Since(began) {
		for index := range batchFrames {
			p.ask(out.frames[index][:], addresses[(sent+index)%len(addresses)], tag{slot: uint16(index)})
		}
		taken, err := s.send(out, batchFrames)
		if err != nil {
			return result{}, err
		}
		sent += taken
	}
	r := result{Sent: sent, PerSecond: float64(sent) / elapsed.Seconds()}
	r.BeganMs, r.EndedMs = began.UnixMilli(), began.Add(elapsed).UnixMilli()
	return r, nil
}
