// SPDX-License-Identifier: Apache-2.0

package zeek

import (
	"tidewatch/flow"
	"tidewatch/flowfile"
)

// openLog is the log of a widely used package (activecm/zeek-open-connections) that
// tells again and again of each connection that is still open, with all that it
// carried so far.
const openLog = "open_conn"

// newest is how much of such a connection one line gives, in nanoseconds.
const newest = 60e9

// isConnections reports whether a log's lines are connections.
func isConnections(log string) bool { return log == "" || log == "conn" || log == openLog }

// stillOpen leaves of an open connection its last minute, with what a minute of it
// carried on average: a router would have cut it into such pieces. So its length is
// known, and little is counted twice when conn.log has it once it ends.
func stillOpen(c *flowfile.Conn) {
	if c.Proto == flow.ProtoTCP { // it began long ago
		c.Sent.TCPFlags &^= flow.SYN
		c.Got.TCPFlags &^= flow.SYN
	}
	length := c.End - c.Start
	if length <= newest {
		return
	}
	for _, s := range []*flowfile.Side{&c.Sent, &c.Got} {
		if s.Packets > 0 {
			share := newest / float64(length)
			s.Packets = max(1, uint64(share*float64(s.Packets)))
			s.Bytes = max(s.Packets, uint64(share*float64(s.Bytes)))
		}
	}
	c.Start = c.End - newest
}
