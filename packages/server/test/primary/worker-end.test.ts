import { constants } from 'node:os'
import { describe, expect, it } from 'vitest'
import { explainEnd } from '../../src/primary/worker-end.ts'

describe('the end of a worker', () => {
  it.each<[number | null, string | null, RegExp]>([
    [null, 'SIGKILL', /^killed by SIGKILL: .*want of memory/],
    [128 + constants.signals.SIGABRT, null, /^aborted: out of heap/],
    [null, 'SIGSEGV', /fault of Node/],
    [null, 'SIGTERM', /^ended by SIGTERM$/],
    [0, null, /^exited with 0 unasked/],
    [3, null, /^exited with 3: /],
    [-constants.errno.EAGAIN, null, /^the system would not start it: EAGAIN, .*limit of processes/],
    [-constants.errno.ENOMEM, null, /^the system would not start it: ENOMEM, .*out of memory/],
    [-constants.errno.EPERM, null, /^the system would not start it: EPERM, .*limits of this process/],
  ])('by code %s and signal %s is told in words', (code, signal, words) => {
    expect(explainEnd(code, signal)).toMatch(words)
  })
})
