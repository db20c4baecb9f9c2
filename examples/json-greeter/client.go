// The usual client in Go: json.Marshal, one Write, json.Decoder. Arguments: who, host, port.
package main

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
)

type request struct {
	Uid string
	Val string
}

type answer struct {
	Uid   string
	Val   string
	Ts    string
	Error *struct{ Message string }
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	args := []string{"pixelpig!", "127.0.0.1", "7402"}
	copy(args, os.Args[1:])
	conn, err := net.Dial("tcp", net.JoinHostPort(args[1], args[2]))
	fail(err)
	defer conn.Close()
	text, err := json.Marshal(request{Uid: "pixel-1", Val: args[0]})
	fail(err)
	_, err = conn.Write(text) // no newline
	fail(err)
	var got answer
	fail(json.NewDecoder(conn).Decode(&got))
	if got.Error != nil {
		got.Val = got.Error.Message
	}
	fmt.Printf("%s: %s\n", got.Uid, got.Val)
}
