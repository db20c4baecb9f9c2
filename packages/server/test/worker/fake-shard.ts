/** Owns a whole shard over fake handles and a fake clock: everything of a worker but its process. */
import { decodeErrorBody, encodeBody, encodeFrame, type Frame, KIND_CANCEL, KIND_ERROR } from '@shardwire/protocol'
import type { CancelTimer, Clock } from '@shardwire/protocol'
import { FakeClock, FrameReader, type ReceivedFrame } from '@shardwire/testkit'
import { pino } from 'pino'
import { closeReasonName } from '../../src/close-reason.ts'
import { type CodecModules, listenerCodecs } from '../../src/codec/listener-codecs.ts'
import { KeptViews } from '../../src/service/kept-views.ts'
import { watchViews } from '../../src/service/lent-views.ts'
import { compileService } from '../../src/service/compile.ts'
import type { RouteDefinition } from '../../src/service/route.ts'
import type { ServiceHooks } from '../../src/service/hooks.ts'
import { defineService } from '../../src/service/service.ts'
import { loadCollector } from '../../src/worker/collector.ts'
import type { Connection } from '../../src/worker/connection.ts'
import { Shard, type ShardOptions } from '../../src/worker/shard.ts'
import { type ReportHook, WorkerHooks } from '../../src/worker/worker-hooks.ts'
import { configOf } from '../config/machines.ts'
import { FakeHandle, fakeBinding } from '../transport/fake-handle.ts'

/** A fake clock that can stand for a process that did not get to run: time passes, and no timer fires meanwhile. */
export class HeldClock implements Clock {
  readonly fake = new FakeClock()
  #heldMs = 0
  #heldEachMs = 0

  get pendingTimers(): number {
    return this.fake.pendingTimers
  }
  nowMs(): number {
    this.#heldMs += this.#heldEachMs
    return this.fake.nowMs() + this.#heldMs
  }
  wallMs(): number {
    return this.fake.wallMs() + this.#heldMs
  }
  after(delayMs: number, task: () => void): CancelTimer {
    return this.fake.after(delayMs, task)
  }
  every(intervalMs: number, task: () => void): CancelTimer {
    return this.fake.every(intervalMs, task)
  }
  advance(ms: number): void {
    this.fake.advance(ms)
  }
  /** From now on `ms` pass between any two readings of the clock: whatever runs in between is slow. */
  holdAtEachReading(ms: number): void {
    this.#heldEachMs = ms
  }
  /** The process stands still for `ms`. */
  hold(ms: number): void {
    this.#heldMs += ms
  }
}

/** One client of the shard. */
export class FakePeer {
  readonly handle = new FakeHandle()
  readonly connection: Connection
  readonly #reader = new FrameReader()
  #read = 0

  constructor(shard: Shard) {
    this.connection = shard.adopt(this.handle.asRaw, 0)
    shard.open(this.connection)
  }

  send(...frames: readonly Frame[]): void {
    this.handle.arrive(Buffer.concat(frames.map(encodeFrame)))
  }
  /** The frames that came since it was asked last. */
  received(): ReceivedFrame[] {
    const { sent } = this.handle
    const frames = this.#reader.feed(sent.subarray(this.#read))
    this.#read = sent.length
    return frames
  }
  /** The same, each as `kind route id`, with its name where it is an error. */
  answers(): string[] {
    return this.received().map(({ kind, route, id, body }) => {
      const name = kind === KIND_ERROR ? ` ${decodeErrorBody(body, 0, body.length).name}` : ''
      return `${kind} ${route} ${id}${name}`
    })
  }
  /** How the shard ended the socket; undefined while it has not. */
  get ended(): string | undefined {
    return this.handle.log.find((call) => call === 'reset' || call === 'close')
  }
}

export interface FakeShard {
  readonly shard: Shard
  readonly clock: HeldClock
  readonly faults: unknown[]
  /** Routes whose handler failed. */
  readonly failures: readonly string[]
  /** What was done with lent bodies that must not be, each with its route. */
  readonly misuses: readonly string[]
  /** What hooks threw, each with its name. */
  readonly hookFaults: readonly (readonly [string, unknown])[]
  /** Names and counts of the close reasons so far. */
  readonly closes: () => Record<string, number>
  readonly connect: () => FakePeer
}

export function fakeShard(
  environment: Readonly<Record<string, string>>,
  routes: Readonly<Record<string, RouteDefinition>> = {},
  random: () => number = () => 0.5,
  onOverload?: ShardOptions['onOverload'],
  hooks: ServiceHooks = {},
  modules?: CodecModules,
): FakeShard {
  const clock = new HeldClock()
  const faults: unknown[] = []
  const misuses: string[] = []
  const failures: string[] = []
  const hookFaults: [string, unknown][] = []
  const config = configOf({ SHARDWIRE_HEARTBEAT_MS: '0', SHARDWIRE_DEBUG_VIEWS: 'true', ...environment })
  const log = pino({ level: 'silent' })
  const reportHook: ReportHook = (hook, _, error) => void hookFaults.push([hook, error])
  const service = compileService(defineService({ name: 'test', routes, ...hooks }))
  const report = (_: string, text: string): void => void misuses.push(text)
  const keptViews = new KeptViews(clock, loadCollector(), report)
  const codecs = listenerCodecs(config.listen, service, () => clock.wallMs(), modules)
  const shard = new Shard({
    codecs,
    identity: { slot: 0, epoch: 'test' },
    config,
    service: config.debugViews ? watchViews(service, keptViews, report) : service,
    hooks: new WorkerHooks({ hooks: service.hooks, worker: { shard: 0, log }, clock, report: reportHook }),
    log,
    clock,
    random,
    serverName: 'test',
    rawBinding: fakeBinding,
    report: (route) => void failures.push(route),
    onFault: (error) => faults.push(error),
    configured: false,
    tls: null,
    ...(onOverload && { onOverload }),
  })
  const closes = (): Record<string, number> => {
    const named = shard.counters.closes.map((count, code): [string, number] => [closeReasonName(code), count])
    return Object.fromEntries(named.filter(([, count]) => count > 0))
  }
  return { shard, clock, faults, failures, misuses, hookFaults, closes, connect: () => new FakePeer(shard) }
}

export function message(route: number, body: Uint8Array): Frame {
  return { kind: 0, route, body }
}

export function request(route: number, id: number, value: unknown = null, deadlineMs?: number): Frame {
  const meta = deadlineMs === undefined ? {} : { meta: encodeBody({ deadlineMs }) }
  return { kind: 1, route, id, body: encodeBody(value), ...meta }
}

export function cancel(route: number, id: number): Frame {
  return { kind: KIND_CANCEL, route, id }
}
