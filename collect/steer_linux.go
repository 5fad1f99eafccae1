// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// steer makes the kernel choose among the readers of a port by the sender's
// address alone. By default it takes the ports into account, too, and then an
// exporter that sends from several ports reaches several decoders, of which one
// knows its templates.
func steer(conn *net.UDPConn, readers int) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return fmt.Errorf("reach the socket: %w", err)
	}
	program := steering(uint32(readers))
	var serr error
	err = raw.Control(func(fd uintptr) {
		serr = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]})
	})
	if err == nil {
		err = serr
	}
	if err != nil {
		return fmt.Errorf("attach the choice of readers: %w", err)
	}
	return nil
}

// steering is a classic BPF program that returns hash(source address) mod n.
func steering(n uint32) []unix.SockFilter {
	const (
		network    = 0xfff00000 // SKF_NET_OFF: offsets from the IP header
		word       = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		source4    = network + 12 // RFC 791, 3.1
		source6    = network + 8  // RFC 8200, 3
		goldenMix  = 0x9e3779b1   // 2^32 divided by the golden ratio (Knuth, 6.4)
		toX        = unix.BPF_MISC | unix.BPF_TAX
		xorX       = unix.BPF_ALU | unix.BPF_XOR | unix.BPF_X
		skipForIP6 = 2
		skipToMix  = 10
	)
	return []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: network},
		{Code: unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K, K: 4}, // the IP version
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: 6, Jt: skipForIP6},
		{Code: word, K: source4},
		{Code: unix.BPF_JMP | unix.BPF_JA, K: skipToMix},
		{Code: word, K: source6},
		{Code: toX},
		{Code: word, K: source6 + 4},
		{Code: xorX},
		{Code: toX},
		{Code: word, K: source6 + 8},
		{Code: xorX},
		{Code: toX},
		{Code: word, K: source6 + 12},
		{Code: xorX},
		{Code: unix.BPF_ALU | unix.BPF_MUL | unix.BPF_K, K: goldenMix},
		{Code: unix.BPF_ALU | unix.BPF_RSH | unix.BPF_K, K: 16},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: n},
		{Code: unix.BPF_RET | unix.BPF_A},
	}
}
