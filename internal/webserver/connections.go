package webserver

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"syscall"
)

// connections bounds the connections of one listener, so that peers of one do
// not use up the open files that the others need. When it is full, the
// connection that has waited longest for a request gives way to a newcomer;
// when none waits, the newcomer is sent away.
type connections struct {
	limit int

	mu      sync.Mutex
	all     map[net.Conn]*list.Element // nil while a request is read or served
	waiting *list.List                 // of net.Conn, longest waiting first
}

func newConnections(limit int) *connections {
	return &connections{limit: limit, all: map[net.Conn]*list.Element{}, waiting: list.New()}
}

// connectionLimit is for this process: a fifth of the files it may open, which
// leaves a fifth when four listeners are full.
func connectionLimit() int {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return minConnections
	}
	return connectionsFor(files.Cur)
}

func connectionsFor(files uint64) int {
	return int(max(minConnections, min(MaxConnections, files/5)))
}

// observe is the server's ConnState.
func (c *connections) observe(conn net.Conn, state http.ConnState) {
	if drop := c.note(conn, state); drop != nil {
		cut(drop)
	}
}

// note keeps the books and says who has to go.
func (c *connections) note(conn net.Conn, state http.ConnState) (drop net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	waits, known := c.all[conn]
	switch state {
	case http.StateNew:
		if len(c.all) >= c.limit {
			front := c.waiting.Front()
			if front == nil {
				return conn
			}
			drop = c.waiting.Remove(front).(net.Conn)
			delete(c.all, drop)
		}
		c.all[conn] = c.waiting.PushBack(conn)
	case http.StateActive, http.StateIdle:
		if !known {
			return nil // on its way out
		}
		if waits != nil {
			c.waiting.Remove(waits)
		}
		c.all[conn] = nil
		if state == http.StateIdle {
			c.all[conn] = c.waiting.PushBack(conn)
		}
	default:
		if waits != nil {
			c.waiting.Remove(waits)
		}
		delete(c.all, conn)
	}
	return drop
}

// cut closes without the farewell of TLS, which could wait for the peer.
func cut(conn net.Conn) {
	if t, ok := conn.(*tls.Conn); ok {
		conn = t.NetConn()
	}
	_ = conn.Close()
}
