// SPDX-License-Identifier: Apache-2.0

package main

import (
	"sync"
	"time"
)

// timersHalfCancelled: size timers, of which half are stopped and half call a function that counts
// them; nanoseconds for one.
func timersHalfCancelled(size int) cost {
	half := size / 2
	return timed(2*half, func() {
		var ended sync.WaitGroup
		ended.Add(half)
		stopped := make([]*time.Timer, half)
		start := time.Second
		for i := range stopped {
			apart := time.Duration(i%100000) * time.Microsecond
			stopped[i] = time.AfterFunc(start+time.Hour+apart, func() { fail("a stopped timer fired") })
			time.AfterFunc(start+apart, ended.Done)
		}
		for _, timer := range stopped {
			if !timer.Stop() {
				fail("a timer was stopped too late")
			}
		}
		ended.Wait()
	})
}
