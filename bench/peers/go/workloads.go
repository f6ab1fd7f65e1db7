// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// batch is how many goroutines are alive at a time in spawn.
const batch = 1000

// cost is one measurement: CPU time and time on the clock per operation, or just a value.
type cost struct{ value, wall float64 }

// timed runs what, which does count operations. The figure is the CPU time of the process: on a
// quiet machine it is the time on the clock, on a busy one it leaves out what others took.
func timed(count int, what func()) cost {
	start, startCPU := time.Now(), cpuTime()
	what()
	wall, used := time.Since(start), cpuTime()-startCPU
	return cost{
		value: float64(used.Nanoseconds()) / float64(count),
		wall:  float64(wall.Nanoseconds()) / float64(count),
	}
}

func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail("getrusage: %v", err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// yield: two goroutines give way to each other size times each; nanoseconds per Gosched.
func yield(size int) cost {
	var both sync.WaitGroup
	body := func() {
		for i := 0; i < size; i++ {
			runtime.Gosched()
		}
		both.Done()
	}
	both.Add(2)
	return timed(2*size, func() {
		go body()
		go body()
		both.Wait()
	})
}

// spawn: size empty goroutines in batches; nanoseconds to create, run and wait for one.
func spawn(size int) cost {
	var all sync.WaitGroup
	return timed(size, func() {
		for done := 0; done < size; done += batch {
			count := batch
			if size-done < count {
				count = size - done
			}
			all.Add(count)
			for i := 0; i < count; i++ {
				go all.Done()
			}
			all.Wait()
		}
	})
}

// parked: size goroutines wait on a channel; resident bytes and page tables of one. The heap's
// arenas grow in steps, which is in the figure, as it is on a user's machine.
func parked(size int) cost {
	release := make(chan struct{})
	var started, ended sync.WaitGroup
	started.Add(size)
	ended.Add(size)
	runtime.GC()
	before := memory()
	for i := 0; i < size; i++ {
		go func() {
			started.Done()
			<-release
			ended.Done()
		}()
	}
	started.Wait()
	for i := 0; i < 10; i++ {
		runtime.Gosched() // the last ones go from Done to the channel
	}
	after := memory()
	close(release)
	ended.Wait()
	return cost{value: float64(after-before) / float64(size)}
}

// memory is the bytes that this process has resident, and its page tables. smaps_rollup counts
// pages; VmRSS of status may lag behind by the kernel's per-CPU counters.
func memory() int64 {
	return kilobytes("/proc/self/smaps_rollup", "Rss:") + kilobytes("/proc/self/status", "VmPTE:")
}

func kilobytes(path, name string) int64 {
	file, err := os.Open(path)
	if err != nil {
		fail("%v", err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), name) {
			var value int64
			if _, err := fmt.Sscanf(lines.Text()[len(name):], "%d kB", &value); err != nil {
				fail("%s: %v", path, err)
			}
			return value * 1024
		}
	}
	fail("%s has no %s", path, name)
	return 0
}
