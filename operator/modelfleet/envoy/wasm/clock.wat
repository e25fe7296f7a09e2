;; The clock of one attempt: a proxy-wasm filter (ABI 0.2.1) in the upstream chain of stock Envoy, which has no timer
;; that ends with a stream's first byte, and none that watches only the gaps after it.
;;
;; Up to the first piece of a stream the answer's headers are held, so that Envoy may still make another attempt, and a
;; deadline that passes is answered with 504. After it the caller has something already: a gap that is too long resets.
;; An answer that is no stream is not held, and its deadline bounds the whole of it.
;;
;; tools/clock.py builds clock.wasm from this file; the two are committed together.
(module
  (import "env" "proxy_get_header_map_value" (func $get_header (param i32 i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_get_property" (func $get_property (param i32 i32 i32 i32) (result i32)))
  (import "env" "proxy_set_tick_period_milliseconds" (func $set_tick (param i32) (result i32)))
  (import "env" "proxy_set_effective_context" (func $enter (param i32) (result i32)))
  (import "env" "proxy_close_stream" (func $close (param i32) (result i32)))
  (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $get_time (param i32 i64 i32) (result i32)))

  ;; Page 0: at 0 and 4 the host says where it put something and how long it is, at 8 what time it is; then the texts.
  ;; Page 1: what the host puts somewhere. Pages 2 to 9: the table of the watched.
  (memory (export "memory") 10 10)
  (data (i32.const 16) "metadata\00filter_metadata\00modelfleet.clock\00until")
  (data (i32.const 64) "metadata\00filter_metadata\00modelfleet.clock\00gap")
  (data (i32.const 112) "content-type")
  (data (i32.const 128) "text/event-stream")
  (data (i32.const 160) "total_timeout")

  ;; A slot has 32 bytes: at 0 the context (0 where it is free), at 4 its stage, at 8 its deadline, at 16 its gap.
  (global $TABLE i32 (i32.const 0x20000))
  (global $END i32 (i32.const 0xa0000))
  (global $MASK i32 (i32.const 0x3fff))
  (global $PROBES i32 (i32.const 8))

  (global $WAITING i32 (i32.const 0)) ;; for an answer; for the whole of it where it is no stream
  (global $HELD i32 (i32.const 1))    ;; a stream's headers are here, and none of its body
  (global $FLOWING i32 (i32.const 2)) ;; a piece went on to the caller

  (global $CONTINUE i32 (i32.const 0))
  (global $STOP i32 (i32.const 1))
  (global $STOP_AND_KEEP_NOTHING i32 (i32.const 3))

  (global $WALL i32 (i32.const 0))
  (global $MONOTONIC i32 (i32.const 1))

  (global $watched (mut i32) (i32.const 0))
  (global $ticking (mut i32) (i32.const 0))

  (func (export "proxy_abi_version_0_2_1"))

  ;; One place for everything the host hands over: each text is read before the next is asked for. What is larger is
  ;; refused, since it would run into the table.
  (func (export "malloc") (param $size i32) (result i32)
    (select (i32.const 0x10000) (i32.const 0) (i32.le_u (local.get $size) (i32.const 0x10000))))

  (func $now (param $clock i32) (result i64)
    (drop (call $get_time (local.get $clock) (i64.const 1) (i32.const 8)))
    (i64.load (i32.const 8)))

  ;; A whole number of milliseconds from the metadata, in nanoseconds; 0 where there is none. What lies after the year
  ;; 2096 is brought down to it, so that a sum of two of them is never too large.
  (func $read (param $path i32) (param $length i32) (result i64)
    (if (call $get_property (local.get $path) (local.get $length) (i32.const 0) (i32.const 4))
      (then (return (i64.const 0))))
    (if (i32.ne (i32.load (i32.const 4)) (i32.const 8))
      (then (return (i64.const 0))))
    (i64.mul
      (i64.trunc_sat_f64_u (f64.min (f64.load (i32.load (i32.const 0))) (f64.const 4e12)))
      (i64.const 1_000_000)))

  ;; The slot near the context's own place that holds what is asked for: the context, or 0 for a free one. 0 where none
  ;; does. Contexts only count up, so whoever else lives here is 16,384 contexts older, and there are few of those.
  (func $find (param $context i32) (param $holder i32) (result i32)
    (local $probe i32) (local $slot i32)
    (loop $next
      (local.set $slot (i32.and (i32.add (local.get $context) (local.get $probe)) (global.get $MASK)))
      (local.set $slot (i32.add (global.get $TABLE) (i32.shl (local.get $slot) (i32.const 5))))
      (if (i32.eq (i32.load (local.get $slot)) (local.get $holder))
        (then (return (local.get $slot))))
      (local.set $probe (i32.add (local.get $probe) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $probe) (global.get $PROBES))))
    (i32.const 0))

  ;; The deadline is kept by the clock that nobody sets: else an hour put right would end every stream at once.
  (func $watch (param $context i32) (param $until i64)
    (local $slot i32) (local $left i64)
    (local.set $slot (call $find (local.get $context) (i32.const 0)))
    (if (i32.eqz (local.get $slot))
      (then (return)))
    (local.set $left (i64.sub (local.get $until) (call $now (global.get $WALL))))
    (i32.store (local.get $slot) (local.get $context))
    (i32.store offset=4 (local.get $slot) (global.get $WAITING))
    (i64.store offset=8 (local.get $slot) (i64.add (call $now (global.get $MONOTONIC)) (local.get $left)))
    (i64.store offset=16 (local.get $slot) (call $read (i32.const 64) (i32.const 45)))
    (global.set $watched (i32.add (global.get $watched) (i32.const 1)))
    (if (i32.eqz (global.get $ticking))
      (then
        (global.set $ticking (i32.const 1))
        (drop (call $set_tick (i32.const 20))))))

  ;; The tick stays on: only a tick ends it. Envoy makes a new timer each time that it is turned on, and would else do
  ;; so for most requests, and at times in the middle of the old one's work.
  (func $forget (param $slot i32)
    (i32.store (local.get $slot) (i32.const 0))
    (global.set $watched (i32.sub (global.get $watched) (i32.const 1))))

  ;; A piece of the answer is here.
  (func $advance (param $slot i32)
    (local $gap i64)
    (if (i32.eq (i32.load offset=4 (local.get $slot)) (global.get $WAITING))
      (then (return)))
    (local.set $gap (i64.load offset=16 (local.get $slot)))
    (if (i64.eqz (local.get $gap))
      (then
        (call $forget (local.get $slot))
        (return)))
    (i32.store offset=4 (local.get $slot) (global.get $FLOWING))
    (i64.store offset=8 (local.get $slot) (i64.add (call $now (global.get $MONOTONIC)) (local.get $gap))))

  ;; The deadline has passed. Forgotten first: it ends once only, whatever Envoy calls while it does.
  (func $expire (param $slot i32)
    (local $context i32) (local $stage i32)
    (local.set $context (i32.load (local.get $slot)))
    (local.set $stage (i32.load offset=4 (local.get $slot)))
    (call $forget (local.get $slot))
    ;; Not entered, what follows would end whichever context was entered before.
    (if (call $enter (local.get $context))
      (then (return)))
    (if (i32.eq (local.get $stage) (global.get $FLOWING))
      (then (drop (call $close (i32.const 1))))
      (else
        (drop
          (call $reply
            (i32.const 504) (i32.const 160) (i32.const 13) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
            (i32.const -1))))))

  ;; In any case of letters: with this bit set, a capital is small, and no other byte of a header becomes one of these.
  (func $is_stream (result i32)
    (local $type i32)
    (if (call $get_header (i32.const 2) (i32.const 112) (i32.const 12) (i32.const 0) (i32.const 4))
      (then (return (i32.const 0))))
    (if (i32.lt_u (i32.load (i32.const 4)) (i32.const 17))
      (then (return (i32.const 0))))
    (local.set $type (i32.load (i32.const 0)))
    (i32.and
      (i32.and
        (i64.eq
          (i64.or (i64.load (local.get $type)) (i64.const 0x2020202020202020))
          (i64.load (i32.const 128)))
        (i64.eq
          (i64.or (i64.load offset=8 (local.get $type)) (i64.const 0x2020202020202020))
          (i64.load offset=8 (i32.const 128))))
      (i32.eq
        (i32.or (i32.load8_u offset=16 (local.get $type)) (i32.const 0x20))
        (i32.load8_u offset=16 (i32.const 128)))))

  (func (export "proxy_on_request_headers") (param $context i32) (param $count i32) (param $end i32) (result i32)
    (local $until i64)
    (local.set $until (call $read (i32.const 16) (i32.const 47)))
    (if (i64.ne (local.get $until) (i64.const 0))
      (then (call $watch (local.get $context) (local.get $until))))
    (global.get $CONTINUE))

  ;; Streams that nobody watches are held, too: their attempt may fail before the first piece as well.
  (func (export "proxy_on_response_headers") (param $context i32) (param $count i32) (param $end i32) (result i32)
    (local $slot i32)
    (if (local.get $end)
      (then (return (global.get $CONTINUE))))
    (if (i32.eqz (call $is_stream))
      (then (return (global.get $CONTINUE))))
    (local.set $slot (call $find (local.get $context) (local.get $context)))
    (if (local.get $slot)
      (then (i32.store offset=4 (local.get $slot) (global.get $HELD))))
    (global.get $STOP))

  (func (export "proxy_on_response_body") (param $context i32) (param $size i32) (param $end i32) (result i32)
    (local $slot i32)
    ;; HTTP/2 has pieces with nothing in them. They are no first byte, and go no further.
    (if (i32.eqz (i32.or (local.get $size) (local.get $end)))
      (then (return (global.get $STOP_AND_KEEP_NOTHING))))
    (local.set $slot (call $find (local.get $context) (local.get $context)))
    (if (local.get $slot)
      (then (call $advance (local.get $slot))))
    (global.get $CONTINUE))

  (func (export "proxy_on_done") (param $context i32) (result i32)
    (local $slot i32)
    (local.set $slot (call $find (local.get $context) (local.get $context)))
    (if (local.get $slot)
      (then (call $forget (local.get $slot))))
    (i32.const 1))

  (func (export "proxy_on_tick") (param $root i32)
    (local $slot i32) (local $now i64)
    (local.set $now (call $now (global.get $MONOTONIC)))
    (local.set $slot (global.get $TABLE))
    (loop $next
      (if (i32.load (local.get $slot))
        (then
          (if (i64.ge_s (local.get $now) (i64.load offset=8 (local.get $slot)))
            (then (call $expire (local.get $slot))))))
      (local.set $slot (i32.add (local.get $slot) (i32.const 32)))
      (br_if $next (i32.lt_u (local.get $slot) (global.get $END))))
    (if (i32.eqz (global.get $watched))
      (then
        (global.set $ticking (i32.const 0))
        (drop (call $set_tick (i32.const 0)))))))
