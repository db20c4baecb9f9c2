/** Owns made-up statuses, for tests of what shows them. */
import type { RouteStatus, Sample, Status, WorkerStatus } from '../../src/admin/status.ts'
import { createHistogram, DELAY_BOUNDS, DURATION_BOUNDS, observe } from '../../src/metrics/histogram.ts'

function worker(frames: number, active: number): WorkerStatus {
  return {
    worker: 0,
    processes: [],
    connections: 5,
    accepted: frames / 10,
    framesIn: frames,
    framesOut: frames,
    bytesIn: frames * 100,
    bytesOut: 0,
    requestsInFlight: 1,
    overload: 0,
    loopActiveSeconds: active,
    loopIdleSeconds: 10 - active,
    loopDelay: createHistogram(DELAY_BOUNDS),
    gcSeconds: 0,
    cpuSeconds: active,
    residentBytes: 0,
    heapUsedBytes: 0,
    heapLimitBytes: 0,
    bufferBytes: 0,
    bufferBytesMax: 0,
    openFiles: 0,
    openFilesMax: 0,
    offloadWaiting: 0,
    offloadRunning: 0,
    exits: { drained: 0, died: 0, failed: 0 },
  }
}

function route(ok: number, failed: number): RouteStatus {
  const latency = createHistogram(DURATION_BOUNDS)
  for (let index = 0; index < ok + failed; index++) observe(latency, DURATION_BOUNDS, 0.0015)
  return { route: 'echo', number: 1, ok, outcomes: { ok, BAD_BODY: failed }, latency }
}

/** @param frames that came, @param active seconds of its loop, @param ok requests that were answered, so far */
export function status(now: number, frames: number, active: number, ok: number, pid = 1): Status {
  const loop = { loopActiveSeconds: 0, loopIdleSeconds: now / 1000 }
  return {
    ...{ version: '0', node: '26', pid, now, startedAt: 0, upMs: now, ready: true, reasons: [], listeners: [] },
    bounds: { duration: DURATION_BOUNDS, delay: DELAY_BOUNDS },
    workers: [worker(frames, active)],
    routes: [route(ok, ok / 10)],
    closes: { PEER_ENDED: ok },
    refusals: {},
    connectionsLost: 0,
    handoffPending: 0,
    heartbeat: createHistogram(DURATION_BOUNDS),
    primary: {
      ...loop,
      loopDelay: createHistogram(DELAY_BOUNDS),
      cpuSeconds: 0,
      residentBytes: 0,
      openFiles: 0,
      openFilesMax: 0,
    },
    reload: {
      done: 0,
      failed: 0,
      refused: 0,
      lastDoneAtSeconds: 0,
      isRunning: false,
      lastOutcome: null,
      lastProblems: [],
    },
  }
}

export function sampleAt(now: number, frames: number, pid = 1): Sample {
  return { status: status(now, frames, 1, 10, pid), talkers: [], slow: [], missing: [] }
}
