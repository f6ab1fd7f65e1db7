// SPDX-License-Identifier: Apache-2.0

// bench_go runs one workload of the benchmarks on Go's scheduler and prints one line of JSON, as
// bench_weft and bench_boost_fiber do: bench_go WORKLOAD [--size N] [--repeat R] [--workers W].
// All workloads run with GOMAXPROCS=1 unless told otherwise: one worker, as on the other side.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strings"
)

// figure is what a workload prints; the driver reads value and unit.
type figure struct {
	Program string  `json:"program"`
	Metric  string  `json:"metric"`
	Value   float64 `json:"value"`
	Unit    string  `json:"unit"`
	Min     float64 `json:"min"`
	Max     float64 `json:"max"`
	Wall    float64 `json:"wall,omitempty"`
	Size    int     `json:"size"`
	Repeat  int     `json:"repeat"`
	Version string  `json:"version"`
}

// workload measures once with the given size and returns one figure in unit.
type workload struct {
	unit        string
	defaultSize int
	once        bool // memory can be taken only in a fresh process
	run         func(size int) cost
}

var workloads = map[string]workload{
	"yield":            {"ns", 2000000, false, yield},
	"spawn":            {"ns", 1000000, false, spawn},
	"parked":           {"bytes", 100000, true, parked},
	"channel":          {"ns", 2000000, false, unbuffered},
	"channel-buffered": {"ns", 5000000, false, buffered},
	"select":           {"ns", 2000000, false, selectTwo},
	"timers":           {"ns", 1000000, false, timersHalfCancelled},
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "bench_go: "+format+"\n", arguments...)
	os.Exit(2)
}

func main() {
	if len(os.Args) < 2 {
		names := []string{"echo", "http"}
		for name := range workloads {
			names = append(names, name)
		}
		sort.Strings(names)
		fail("usage: bench_go %s [--size N] [--repeat R] [--workers W]", strings.Join(names, "|"))
	}
	name := os.Args[1]
	flags := flag.NewFlagSet(name, flag.ExitOnError)
	size := flags.Int("size", 0, "how many times, or how many goroutines")
	repeat := flags.Int("repeat", 3, "measurements in this process; the median is printed")
	workers := flags.Int("workers", 1, "GOMAXPROCS")
	if err := flags.Parse(os.Args[2:]); err != nil {
		fail("%v", err)
	}
	runtime.GOMAXPROCS(*workers)
	if name == "echo" {
		serveEcho()
		return
	}
	if name == "http" {
		serveHTTP()
		return
	}
	chosen, known := workloads[name]
	if !known {
		fail("unknown workload %q", name)
	}
	if *size == 0 {
		*size = chosen.defaultSize
	}
	if *size < 0 || *repeat < 1 || *workers < 1 {
		fail("--size, --repeat and --workers must be positive")
	}
	if chosen.once {
		*repeat = 1
	}
	values, walls := make([]float64, *repeat), make([]float64, *repeat)
	for i := range values {
		measured := chosen.run(*size)
		values[i], walls[i] = measured.value, measured.wall
	}
	sort.Float64s(values)
	sort.Float64s(walls)
	line, err := json.Marshal(figure{
		Program: "go", Metric: name, Value: median(values), Unit: chosen.unit,
		Min: values[0], Max: values[len(values)-1], Wall: median(walls),
		Size: *size, Repeat: *repeat, Version: runtime.Version(),
	})
	if err != nil {
		fail("%v", err)
	}
	fmt.Println(string(line))
}

// median of values in ascending order.
func median(values []float64) float64 {
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
