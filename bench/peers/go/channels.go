// SPDX-License-Identifier: Apache-2.0

package main

import "sync"

// check fails if not all numbers below size have arrived.
func check(sum, size int) {
	if sum != size*(size-1)/2 {
		fail("a value was lost")
	}
}

// sendThrough: one goroutine sends size numbers through channel, another one receives them.
func sendThrough(channel chan int, size int) cost {
	var both sync.WaitGroup
	sum := 0
	both.Add(2)
	measured := timed(size, func() {
		go func() {
			for i := 0; i < size; i++ {
				channel <- i
			}
			close(channel)
			both.Done()
		}()
		go func() {
			for number := range channel {
				sum += number
			}
			both.Done()
		}()
		both.Wait()
	})
	check(sum, size)
	return measured
}

// unbuffered: nanoseconds for a number.
func unbuffered(size int) cost {
	return sendThrough(make(chan int), size)
}

// buffered: the same with a buffer of 128.
func buffered(size int) cost {
	return sendThrough(make(chan int, 128), size)
}

// selectTwo: two goroutines send size numbers together, each through a channel of its own without a
// buffer, to one that selects; nanoseconds for one.
func selectTwo(size int) cost {
	var all sync.WaitGroup
	half := size / 2
	sum := 0
	even, odd := make(chan int), make(chan int)
	produce := func(to chan int, first int) {
		for i := 0; i < half; i++ {
			to <- 2*i + first
		}
		all.Done()
	}
	all.Add(3)
	measured := timed(2*half, func() {
		go produce(even, 0)
		go produce(odd, 1)
		go func() {
			for i := 0; i < 2*half; i++ {
				select {
				case number := <-even:
					sum += number
				case number := <-odd:
					sum += number
				}
			}
			all.Done()
		}()
		all.Wait()
	})
	check(sum, 2*half)
	return measured
}
