// SPDX-License-Identifier: Apache-2.0

package main

import (
	"runtime"
	"sync"
)

func init() {
	workloads["mutex-contended"] = workload{"ns", 2000000, false, mutexContended}
	workloads["semaphore-ping-pong"] = workload{"ns", 2000000, false, semaphorePingPong}
}

// mutexContended: 100 goroutines lock, count and unlock, size times together, with GOMAXPROCS=2;
// nanoseconds on the clock for one.
func mutexContended(size int) cost {
	const goroutines = 100
	each := (size + goroutines - 1) / goroutines
	runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(1)
	var mutex sync.Mutex
	var all sync.WaitGroup
	count := 0
	all.Add(goroutines)
	measured := timed(goroutines*each, func() {
		for i := 0; i < goroutines; i++ {
			go func() {
				for n := 0; n < each; n++ {
					mutex.Lock()
					count++
					mutex.Unlock()
				}
				all.Done()
			}()
		}
		all.Wait()
	})
	if count != goroutines*each {
		fail("the mutex let two in at a time")
	}
	return cost{value: measured.wall, wall: measured.wall}
}

// semaphorePingPong: two goroutines wake each other in turns, size times each; nanoseconds for one.
// Go has no semaphore of its own: its programs do this with channels that hold nothing.
func semaphorePingPong(size int) cost {
	ping, pong := make(chan struct{}), make(chan struct{})
	return timed(2*size, func() {
		go func() {
			for i := 0; i < size; i++ {
				<-ping
				pong <- struct{}{}
			}
		}()
		for i := 0; i < size; i++ {
			ping <- struct{}{}
			<-pong
		}
	})
}
