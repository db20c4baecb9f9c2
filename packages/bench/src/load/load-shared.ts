/**
 * Owns what all connections of a load process share: the read slab, decoder, templates, flights and counters.
 * Must not know: sockets, phases.
 * Invariant: one read is handled to its end before the next begins, so one slab, one batch and one decoder serve all.
 * Flight `f` belongs to connection floor(f / depth); its `writtenUs` is NOT_IN_FLIGHT unless its frame is on its way.
 */
import {
  allocateKernelMemory,
  allocateMemory,
  BufferPool,
  FRAME_OVERHEAD_BYTES,
  FrameDecoder,
  ID_BYTES,
} from '@shardwire/protocol'
import type { Clock } from '@shardwire/protocol'

import type { LoadPlan } from '../messages.ts'
import { AnswerCheck } from './answer-check.ts'
import { ErrorLedger } from './error-ledger.ts'
import { FrameTemplate } from './frame-template.ts'
import { LatencyRecorder } from './latency-recorder.ts'
import { WriteBatch } from './write-batch.ts'

const READ_SLAB_BYTES = 65_536
/** Frames that are no answer (ERROR, GOAWAY, PING) may be this long at least. */
const OTHER_FRAME_BYTES_MAX = 65_536
const RING_BYTES_MIN = 1024
const RING_FREE_BYTES_MAX = 8_388_608

export const NOT_IN_FLIGHT = -1

export class LoadShared {
  readonly plan: LoadPlan
  readonly clock: Clock
  readonly slab = allocateKernelMemory(READ_SLAB_BYTES) ?? allocateMemory(READ_SLAB_BYTES)
  readonly decoder: FrameDecoder
  readonly template: FrameTemplate
  readonly check: AnswerCheck
  readonly batch: WriteBatch
  readonly recorder = new LatencyRecorder()
  readonly errors = new ErrorLedger()
  /** Memory for frames that a read cut. */
  readonly rings: BufferPool
  /** Per flight: the sequence number of its frame, and when it was written. */
  readonly sequences: Uint32Array
  readonly writtenUs: Float64Array

  /** Whether an answer is followed by the next frame. */
  sending = false
  /** Moment of the read that is being handled. */
  readUs = 0
  /** Frames written or about to be, and not answered. */
  inFlight = 0
  /** Connections that are up. */
  connections = 0
  // Since the last report.
  answers = 0
  bytesReceived = 0
  bytesSent = 0
  /** Called when nothing is in flight any more and nothing more is sent. */
  onQuiet: () => void = () => {}

  constructor(plan: LoadPlan, clock: Clock) {
    this.plan = plan
    this.clock = clock
    const frameBytesMax = Math.max(plan.payloadBytes + ID_BYTES, OTHER_FRAME_BYTES_MAX)
    this.decoder = new FrameDecoder(frameBytesMax)
    this.template = new FrameTemplate(plan)
    this.check = new AnswerCheck(this.template, this.slab)
    this.batch = new WriteBatch(this.template, plan.depth)
    this.rings = ringPool(frameBytesMax + FRAME_OVERHEAD_BYTES, plan.connections)
    this.sequences = new Uint32Array(plan.connections * plan.depth)
    this.writtenUs = new Float64Array(plan.connections * plan.depth).fill(NOT_IN_FLIGHT)
  }
}

/** Room for one cut frame of any legal length on every connection at once. */
function ringPool(bytesMax: number, connections: number): BufferPool {
  const blockBytesMax = 2 ** Math.ceil(Math.log2(bytesMax))
  return new BufferPool({
    bytesMax: blockBytesMax * (connections + 1),
    blockBytesMin: RING_BYTES_MIN,
    blockBytesMax,
    freeBytesMax: RING_FREE_BYTES_MAX,
  })
}
