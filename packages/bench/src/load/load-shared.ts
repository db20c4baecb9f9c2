/**
 * Owns what all connections of a load process share: the read slab, message forms, flights and counters.
 * Must not know: sockets, phases.
 * Invariant: one read is handled to its end before the next begins, so one slab, one batch and one decoder serve all.
 * Flight `f` belongs to connection floor(f / depth); its `writtenUs` is negative unless its message is on its way.
 */
import { allocateKernelMemory, allocateMemory, BufferPool, FRAME_OVERHEAD_BYTES, ID_BYTES } from '@shardwire/protocol'
import type { Clock } from '@shardwire/protocol'

import type { LoadPlan } from '../messages.ts'
import { Random } from '../random.ts'
import { ErrorLedger } from './error-ledger.ts'
import { LatencyRecorder } from './latency-recorder.ts'
import { messageShapes } from './message/message-shape.ts'
import type { MessageShape } from './message/message-shape.ts'
import { ShapeOrder } from './message/shape-order.ts'
import { WaitingSends } from './pace/waiting-sends.ts'
import { Samples } from './samples.ts'
import { WriteBatch } from './write-batch.ts'

const READ_SLAB_BYTES = 65_536
/** Frames that are no answer (ERROR, GOAWAY, PING) may be this long at least. */
const OTHER_FRAME_BYTES_MAX = 65_536
const RING_BYTES_MIN = 1024
const RING_FREE_BYTES_MAX = 8_388_608
/** Frames of an open loop that may be due and not written: twenty bytes each, and more is nothing but a queue. */
const WAITING_MAX = 1_048_576

export const NOT_IN_FLIGHT = -1
/** In the batch, and about to be written. */
export const BATCHED = -2
/** A frame that was written as soon as the generator saw that it was due. */
export const NOT_HELD = Infinity

export class LoadShared {
  readonly plan: LoadPlan
  readonly clock: Clock
  readonly slab = allocateKernelMemory(READ_SLAB_BYTES) ?? allocateMemory(READ_SLAB_BYTES)
  readonly frameBytesMax: number
  readonly shapes: readonly MessageShape[]
  readonly order: ShapeOrder
  readonly batch: WriteBatch
  readonly samples: Samples
  readonly connects = new LatencyRecorder()
  readonly errors = new ErrorLedger()
  readonly waiting: WaitingSends
  /** Memory for messages that a read cut. */
  readonly rings: BufferPool
  /** Per flight: the sequence number of its message, and its form. */
  readonly sequences: Uint32Array
  readonly forms: Uint16Array
  /** In an open loop: when it was due, and when the generator saw that it had to be held back. */
  readonly dueUs: Float64Array
  readonly seenUs: Float64Array
  /** When it was written. */
  readonly writtenUs: Float64Array
  readonly isOpen: boolean

  /** Whether an answer is followed by the next frame of a closed loop. */
  sending = false
  /** Moment of the read that is being handled. */
  readUs = 0
  /** Frames written or about to be, and not answered. */
  inFlight = 0
  /** Connections that are up. */
  connections = 0
  /** Reads handled so far: whether anything happened since somebody looked. */
  reads = 0
  // Since the last report.
  answers = 0
  bytesReceived = 0
  bytesSent = 0
  due = 0
  sent = 0
  /** Called when a frame was answered, or given up, in a load that ends. */
  onQuiet: () => void = () => {}

  constructor(plan: LoadPlan, clock: Clock) {
    const { connections, depth, traffic, open, seed } = plan
    const flights = connections * depth
    this.plan = plan
    this.clock = clock
    this.isOpen = open !== null
    this.shapes = messageShapes(plan, this.slab)
    this.order = new ShapeOrder(traffic.weights, new Random(seed))
    const bytesMax = Math.max(...this.shapes.map(({ form }) => form.payloadBytes)) + ID_BYTES
    this.frameBytesMax = Math.max(bytesMax, OTHER_FRAME_BYTES_MAX)
    this.batch = new WriteBatch(this.shapes, depth)
    this.samples = new Samples(this.isOpen, traffic)
    this.waiting = new WaitingSends(connections, this.isOpen ? WAITING_MAX : 0)
    this.rings = ringPool(this.frameBytesMax + FRAME_OVERHEAD_BYTES, connections)
    this.sequences = new Uint32Array(flights)
    this.forms = new Uint16Array(flights)
    this.dueUs = new Float64Array(this.isOpen ? flights : 0)
    this.seenUs = new Float64Array(this.isOpen ? flights : 0)
    this.writtenUs = new Float64Array(flights).fill(NOT_IN_FLIGHT)
  }

  /** The form of the next message. */
  nextForm(): number {
    return this.shapes.length === 1 ? 0 : this.order.next()
  }
}

/** Room for one cut message of any legal length on every connection at once. */
function ringPool(bytesMax: number, connections: number): BufferPool {
  const blockBytesMax = 2 ** Math.ceil(Math.log2(bytesMax))
  return new BufferPool({
    bytesMax: blockBytesMax * (connections + 1),
    blockBytesMin: RING_BYTES_MIN,
    blockBytesMax,
    freeBytesMax: RING_FREE_BYTES_MAX,
  })
}
