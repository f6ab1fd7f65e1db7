// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
)

// serveHTTP answers as examples/http_server does, byte for byte but for the order of headers, until
// it is killed. The port is the first and only line of standard output.
func serveHTTP() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fail("%v", err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		response.Header().Set("Content-Type", "text/plain; charset=utf-8")
		io.WriteString(response, "Hello, world!\n")
	})
	fail("%v", http.Serve(listener, nil))
}
