package main

import (
	"runtime"
	"syscall"
	"time"
)

const setTimerSlack = 29

// schedule hands out the instants of a fixed rate, each when it has come, and answers with the last.
//
// It sleeps in the kernel and on a thread of its own: the timers of the Go runtime wake up to a millisecond late where
// nothing else happens, which is more than a good proxy takes.
func schedule(due chan<- time.Time, rate, seconds float64) time.Time {
	runtime.LockOSThread()
	defer close(due)
	// Else the kernel gathers timers, which adds 50 microseconds.
	syscall.RawSyscall(syscall.SYS_PRCTL, setTimerSlack, 1, 0)
	begin := time.Now()
	var instant time.Time
	for number := range int(rate * seconds) {
		instant = begin.Add(time.Duration(float64(number) / rate * float64(time.Second)))
		if wait := time.Until(instant); wait > 0 {
			span := syscall.NsecToTimespec(wait.Nanoseconds())
			// A signal may cut it short, by so little that the request is then early by that.
			syscall.Nanosleep(&span, nil)
		}
		due <- instant
	}
	return instant
}
