// The peer that people leave Node for: Go's net package as its users write it, a goroutine for each connection, buffered
// reading and writing, frames with their CRC checked and computed anew. Listens on a free port and prints it.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log"
	"net"
)

const (
	prefixBytes     = 6
	crcBytes        = 4
	idBytes         = 4
	payloadBytesMax = 1 << 20
	bufferBytes     = 64 << 10

	kindMessage  = 0
	kindRequest  = 1
	kindResponse = 2
	routeEcho    = 1
)

var errBadFrame = errors.New("bad frame")

// session reads into and answers from one slice that grows with the frames of its connection.
type session struct {
	in    *bufio.Reader
	out   *bufio.Writer
	frame []byte
}

func (s *session) room(bytes int) {
	if cap(s.frame) < bytes {
		larger := make([]byte, bytes, 2*bytes)
		copy(larger, s.frame)
		s.frame = larger
	}
	s.frame = s.frame[:bytes]
}

// read fills the frame from byte `from` on. Answers leave before it would wait for the client, and not sooner: one write
// for a batch, and none is held back by a frame of which only a part has come.
func (s *session) read(from int) error {
	if s.in.Buffered() < len(s.frame)-from {
		if err := s.out.Flush(); err != nil {
			return err
		}
	}
	_, err := io.ReadFull(s.in, s.frame[from:])
	return err
}

// next reads one frame and returns where its payload ends.
func (s *session) next() (int, error) {
	s.room(prefixBytes)
	if err := s.read(0); err != nil {
		return 0, err
	}
	length := binary.BigEndian.Uint32(s.frame[2:])
	if length > payloadBytesMax {
		return 0, errBadFrame
	}
	end := prefixBytes + int(length)
	s.room(end + crcBytes)
	if err := s.read(prefixBytes); err != nil {
		return 0, err
	}
	if crc32.ChecksumIEEE(s.frame[:end]) != binary.BigEndian.Uint32(s.frame[end:]) {
		return 0, errBadFrame
	}
	return end, nil
}

// answer turns the frame into its echo and writes it; frames that want none are passed over.
func (s *session) answer(end int) error {
	header := binary.BigEndian.Uint16(s.frame)
	kind, route := header>>12&7, header&0x0fff
	switch {
	case route == routeEcho && kind == kindMessage:
	case route == routeEcho && kind == kindRequest && end >= prefixBytes+idBytes:
		binary.BigEndian.PutUint16(s.frame, kindResponse<<12|route)
	default:
		return nil
	}
	binary.BigEndian.PutUint32(s.frame[end:], crc32.ChecksumIEEE(s.frame[:end]))
	_, err := s.out.Write(s.frame)
	return err
}

func serve(connection net.Conn) {
	defer connection.Close()
	s := &session{in: bufio.NewReaderSize(connection, bufferBytes), out: bufio.NewWriterSize(connection, bufferBytes)}
	for {
		end, err := s.next()
		if err != nil {
			return
		}
		if s.answer(end) != nil {
			return
		}
	}
}

func main() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("listening %d\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Print(err)
			continue
		}
		go serve(connection)
	}
}
